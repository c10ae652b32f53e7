#!/usr/bin/env bash
# Reports from a real streaming replica: bash bench/replica.sh, after npm run build.
# Starts a PostgreSQL, a replica of it, and the service on both; logs, pauses the replay, logs,
# resumes, takes a migration back, stops the replica; and says each time what a report answers.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
folder=$(mktemp -d)
free() { node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'; }
primary=$(free) replica=$(free) port=$(free)
as_owner() { if [ "$(id -u)" = 0 ]; then su postgres -s /bin/sh -c "$1"; else sh -c "$1"; fi; }
if [ "$(id -u)" = 0 ]; then chown postgres "$folder"; fi
service=""
cleanup() {
  [ -z "$service" ] || kill "$service" 2>/dev/null || true
  for name in replica primary; do as_owner "$bin/pg_ctl -D '$folder/$name' -m immediate stop" >/dev/null 2>&1 || true; done
  rm -rf "$folder"
}
trap cleanup EXIT

start() { as_owner "$bin/pg_ctl -D '$folder/$1' -w -l '$folder/$1.log' -o \"-p $2 -k '$folder' -c listen_addresses=127.0.0.1\" start" >/dev/null; }
as_owner "$bin/initdb -D '$folder/primary' -U cairn -A trust --locale=C.UTF-8" >/dev/null
start primary "$primary"
as_owner "$bin/pg_basebackup -h 127.0.0.1 -p $primary -U cairn -D '$folder/replica' -R"
start replica "$replica"
on() { psql -qAt -h 127.0.0.1 -p "$1" -U cairn postgres -c "$2"; }
# Reports only read: a role without any other right is enough.
on "$primary" "CREATE ROLE reports LOGIN IN ROLE pg_read_all_data" >/dev/null

export ADMIN_API_KEY=261b58f07b3bb23eab0c531ed5d2def01d35c1dfaa380b9a85759f38dd2bcc79
DATABASE_URL="postgresql://cairn@127.0.0.1:$primary/postgres" REPORTS_DATABASE_URL="postgresql://reports@127.0.0.1:$replica/postgres" \
  PORT=$port LOG_LEVEL=error node dist/server.js &
service=$!
url="http://127.0.0.1:$port"
ask() { curl -s -H "Authorization: Bearer $ADMIN_API_KEY" -H 'Content-Type: application/json' "$@"; }
until [ "$(curl -s -o /dev/null -w '%{http_code}' "$url/readyz")" = 200 ]; do sleep 0.2; done

learner=$(ask -X POST "$url/v1/learners" -d '{"name":"Learner"}' | node -p 'JSON.parse(require("fs").readFileSync(0)).id')
log() { ask -o /dev/null -w 'logged: %{http_code}\n' -X POST "$url/v1/learners/$learner/study-sessions" -d "{\"startedAt\":\"$(date -u +%FT%TZ)\",\"minutes\":60}"; }
report() {
  echo "$1: $(ask "$url/v1/learners/$learner/breakdown" | node -e '
    const { status, detail, total, replicaLagSeconds } = JSON.parse(require("fs").readFileSync(0));
    console.log(total ? `${total.minutes.total} minutes, behind by ${replicaLagSeconds} s` : `${status}: ${detail}`)')"
}

log; sleep 1; report "after a second"
sleep 5; report "after five more, with nothing written"
on "$replica" "SELECT pg_wal_replay_pause()" >/dev/null; log; sleep 3; report "with the replay paused"
on "$replica" "SELECT pg_wal_replay_resume()" >/dev/null; sleep 1; report "resumed"
finished() { on "$primary" "UPDATE _prisma_migrations SET finished_at = $1 WHERE migration_name = (SELECT max(migration_name) FROM _prisma_migrations)"; sleep 1; }
finished NULL; report "with a migration to come"; finished "now()"; report "with it"
as_owner "$bin/pg_ctl -D '$folder/replica' -m fast stop" >/dev/null; report "with the replica stopped"
echo "ready: $(curl -s -o /dev/null -w '%{http_code}' "$url/readyz")"; log
start replica "$replica"; sleep 1; report "with the replica back"
on "$replica" "ALTER SYSTEM SET primary_conninfo = ''"; on "$replica" "SELECT pg_reload_conf()" >/dev/null; sleep 3; report "cut off from its primary"
as_owner "$bin/pg_ctl -D '$folder/replica' -m fast restart" >/dev/null; sleep 1; report "and started again so"
