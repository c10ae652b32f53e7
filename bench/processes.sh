#!/usr/bin/env bash
# Three processes of the service on one database: .ci/with-postgres bash bench/processes.sh, after npm run build.
# HAProxy deals requests out to them, PgBouncer (in transaction mode) deals their transactions out to
# the database, and Redis counts for all of them. With "direct" as its argument, without PgBouncer.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
chmod 755 "$folder"
free() { node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'; }
started=()
cleanup() {
  for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap cleanup EXIT

url=$DATABASE_URL
if [ "${1:-}" != direct ]; then
  pooler=$(free)
  node -e '
    const { hostname, port, username, pathname } = new URL(process.env.DATABASE_URL);
    console.log(`[databases]\n* = host=${hostname} port=${port} user=${username}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${process.argv[1]}
unix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 8\nlogfile = ${process.argv[2]}/pgbouncer.log`)' "$pooler" "$folder" >"$folder/pgbouncer.ini"
  # It refuses to run as root.
  if [ "$(id -u)" = 0 ]; then chown postgres "$folder"; setpriv --reuid postgres --clear-groups pgbouncer -q "$folder/pgbouncer.ini" & else pgbouncer -q "$folder/pgbouncer.ini" & fi
  started+=($!)
  url=$(node -p 'const url = new URL(process.env.DATABASE_URL); url.port = process.argv[1]; url.href' "$pooler")
fi

redis=$(free)
redis-server --port "$redis" --bind 127.0.0.1 --save "" --daemonize no >/dev/null &
started+=($!)

balancer=$(free)
{
  printf 'defaults\n  mode http\n  option forwardfor\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n  timeout check 5s\n'
  printf 'frontend all\n  bind 127.0.0.1:%s\n  default_backend cairn\nbackend cairn\n  balance roundrobin\n  option httpchk GET /readyz\n' "$balancer"
} >"$folder/haproxy.cfg"
export ADMIN_API_KEY=261b58f07b3bb23eab0c531ed5d2def01d35c1dfaa380b9a85759f38dd2bcc79 RATE_LIMIT_PER_MINUTE=0 SIGN_IN_FAILURES_PER_MINUTE=6 REDIS_URL="redis://127.0.0.1:$redis" TRUST_PROXY=127.0.0.1
ports=()
for n in 1 2 3; do
  port=$(free)
  ports+=("$port")
  # All at once, on an empty database.
  DATABASE_URL=$url DATABASE_STATEMENT_TIMEOUT_MS=0 PORT=$port node dist/server.js >"$folder/log.$n" 2>&1 &
  started+=($!)
  echo "  server process$n 127.0.0.1:$port check inter 1s" >>"$folder/haproxy.cfg"
done
serves() {
  for _ in {1..200}; do
    [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$1/readyz")" = 200 ] && return
    sleep 0.2
  done
  tail -n 3 "$folder"/log.*
  exit 1
}
for port in "${ports[@]}"; do serves "$port"; done
haproxy -q -f "$folder/haproxy.cfg" &
started+=($!)
serves "$balancer"

npx tsx bench/mixed.ts "http://127.0.0.1:$balancer" "${ROUNDS:-500}" || { grep -h '"level":[56]0' "$folder"/log.* | head -n 3; exit 1; }
for n in 1 2 3; do echo "process $n answered $(grep -c '"statusCode"' "$folder/log.$n"), $(grep -c '"level":[56]0' "$folder/log.$n" || true) failed"; done
psql -qAt "$DATABASE_URL" -c "SELECT count(*) || ' migrations, each applied once: ' || (count(*) = count(DISTINCT migration_name)) FROM _prisma_migrations"
wrong() { curl -s -o /dev/null -w '%{http_code} ' -H "Authorization: Bearer $(printf 'x%.0s' {1..40})" "http://127.0.0.1:${ports[$1]}/v1/me"; }
echo "wrong keys, four to each process, where six may fail: $(for n in 0 1 2 0 1 2 0 1 2 0 1 2; do wrong $n; done)"
psql -qAt "$DATABASE_URL" -c "SELECT count(*) || ' connections to the database' FROM pg_stat_activity WHERE application_name = 'cairn'"
