import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import path from "node:path";
import { v7 as uuidv7 } from "uuid";
import { Client, type Json } from "./client";
import type { Orders } from "./hog";
import { type Asked, pace, percentile, watchAlive } from "./paced";
import type { Drill } from "./run";
import { LONG_DAYS, type Stage } from "./stage";

const PEOPLE = 20;
const EVERY_MS = 150;
const MOST_TIMES = 2;
const HEAP_MB = 768;
const FULL_DAY = "2014-06-02";

/** One learner does the worst that a learner's keys can do, beside twenty people who log and read; what these wait for may at most double. */
export const drill: Drill = async (stage, quick) => {
  const [sessions, aloneS, besideS] = quick ? [6_000, 4, 10] : [60_000, 30, 60];
  const service = await stage.service({ RATE_LIMIT_PER_MINUTE: "6000", NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}` });
  const client = new Client(() => service.address);
  const { people, team } = await buildTeam(client);
  const orders = { address: service.address, ...(await buildHog(client, stage, team, sessions)) };
  const asked = people.map((person, n) => deedsOf(person, n === 0 ? team : null, n));

  await pace(service.address, asked, EVERY_MS, aloneS / 2);
  const alone = await pace(service.address, asked, EVERY_MS, aloneS);
  const hog = fork(path.join(__dirname, "hog.ts"), [JSON.stringify(orders)], { execArgv: ["--import", "tsx"] });
  stage.holds(hog);
  await once(hog, "message");
  const stopWatching = watchAlive(service.address);
  const beside = await pace(service.address, asked, EVERY_MS, besideS);
  const livezWorstMs = await stopWatching();
  const isAlive = service.child.exitCode === null && service.child.signalCode === null;
  const peakMb = isAlive ? peakOf(service.child.pid as number) : Number.NaN;
  const reported = once(hog, "message");
  hog.send("stop");
  const [hogWasAnswered] = await reported;

  const flaws = isAlive ? [] : [`the process ended with ${service.child.exitCode ?? service.child.signalCode}`];
  for (const [when, { statuses }] of Object.entries({ alone, beside })) {
    for (const [status, count] of statuses) if (!/^20[01]$/.test(status)) flaws.push(`${count} answers of ${status} to others, ${when}`);
  }
  if (livezWorstMs === Number.POSITIVE_INFINITY) flaws.push("/livez did not answer");
  if (!hogWasAnswered) flaws.push("the hog was answered nothing, so nothing was shown");
  const lost = await lostOf(stage, people);
  if (lost) flaws.push(`${lost} sessions were acknowledged, and are not stored`);
  const [p99Alone, p99Beside] = [percentile(alone.waits, 99), percentile(beside.waits, 99)];
  if (!quick && p99Beside > MOST_TIMES * p99Alone) flaws.push(`others wait ${p99Beside} ms at the 99th percentile, alone ${p99Alone} ms`);
  return {
    asked: alone.waits.length + beside.waits.length,
    p50AloneMs: percentile(alone.waits, 50),
    p50BesideMs: percentile(beside.waits, 50),
    p99AloneMs: p99Alone,
    p99BesideMs: p99Beside,
    times: Math.round((p99Beside / p99Alone) * 100) / 100,
    livezWorstMs,
    peakMb,
    hogWasAnswered,
    flaws,
  };
};

type Person = { id: string; key: string; logged: string[] };

/** People in one team, whom the first of them leads. */
async function buildTeam(client: Client): Promise<{ people: Person[]; team: string }> {
  const people: Person[] = [];
  for (let n = 0; n < PEOPLE; n++) people.push({ ...(await buildLearner(client)), logged: [] });
  const { id: team } = await client.json("POST", "/v1/teams", { name: "Drilled", leadId: people[0]?.id });
  for (const { id } of people) await client.json("PUT", `/v1/learners/${id}/membership`, { teamId: team, fromDay: "2020-01-01" });
  return { people, team };
}

async function buildLearner(client: Client): Promise<{ id: string; key: string }> {
  const { id } = await client.json("POST", "/v1/learners", { name: "Learner" });
  return { id, key: await newKey(client, id) };
}

async function newKey(client: Client, learnerId: string): Promise<string> {
  return (await client.json("POST", "/v1/api-keys", { name: "Drilled", role: "learner", learnerId })).secret;
}

/** What a person asks for, one thing after the other, from any of them on: half of it is logging. */
function deedsOf({ id, key, logged }: Person, team: string | null, first: number): () => Asked {
  let turn = first;
  const reads = [`/v1/learners/${id}/study-sessions?limit=20`, `/v1/learners/${id}/breakdown`, team ? `/v1/teams/${team}/breakdown` : "/v1/me"];
  return () => {
    turn++;
    if (turn % 2) return { method: "GET", path: reads[((turn - 1) / 2) % reads.length] as string, key };
    const session = uuidv7();
    logged.push(session);
    return {
      method: "PUT",
      path: `/v1/learners/${id}/study-sessions/${session}`,
      key,
      body: { startedAt: new Date().toISOString(), minutes: 1, mode: "formal" },
    };
  };
}

/** A member of the team with ten years of sessions and their notes, four keys, and a goal on an old version of a path of many prerequisites. */
async function buildHog(client: Client, stage: Stage, team: string, sessions: number): Promise<Omit<Orders, "address">> {
  const { id: learner } = await client.json("POST", "/v1/learners", { name: "Hog" });
  await client.json("PUT", `/v1/learners/${learner}/membership`, { teamId: team, fromDay: "2020-01-01" });
  await stage.pool.query(
    `INSERT INTO study_sessions (learner_id, id, started_at, time_zone, occurred_on, minutes, on_the_job_minutes, social_minutes, formal_minutes, impact, skills, note, body_digest)
     SELECT $1, gen_random_uuid(), day + interval '9 hours', 'UTC', day, 20, 10, 5, 5, 1 + n % 5, ARRAY['skill ' || n % 150, 'skill ' || n % 149], repeat(md5(n::text), 63), '\\x00'
     FROM generate_series(1, $2::int) n CROSS JOIN LATERAL (SELECT date '2016-12-01' + n % 3600 AS day) d`,
    [learner, sessions],
  );
  await stage.pool.query(
    `INSERT INTO study_sessions (learner_id, id, started_at, time_zone, occurred_on, minutes, on_the_job_minutes, social_minutes, formal_minutes, body_digest)
     SELECT $1, gen_random_uuid(), $2::date + interval '9 hours', 'UTC', $2, 1440, 1440, 0, 0, '\\x00' FROM set_config('cairn.day_minutes', $3, true), generate_series(1, $3::int / 1440)`,
    [learner, FULL_DAY, LONG_DAYS.DAY_MINUTES_LIMIT],
  );
  await stage.pool.query("VACUUM ANALYZE");
  const step = (n: number, most: number) => ({
    key: `s${n}`,
    title: `Step ${n}`,
    prerequisites: Array.from({ length: Math.min(n, most) }, (_, m) => `s${n - 1 - m}`),
  });
  const { id: pathId } = await client.json("POST", "/v1/paths", { title: "Many", steps: [step(0, 0)] });
  await client.json("PUT", `/v1/paths/${pathId}/versions/1/publication`);
  const { id: goal } = await client.json("POST", `/v1/learners/${learner}/goals`, { title: "Many", startsOn: "2026-01-01", dueOn: "2027-01-01" });
  await client.json("PUT", `/v1/learners/${learner}/goals/${goal}/path`, { pathId });
  await client.json("POST", `/v1/paths/${pathId}/versions`);
  await growPath(client, pathId, step);
  await client.json("PUT", `/v1/paths/${pathId}/versions/2/publication`);
  const keys = await keysOf(client, learner);
  return { keys, learner, fullDay: FULL_DAY, goal, path: pathId };
}

/** Four keys of the person's own, which may do and see what the person may. */
async function keysOf(client: Client, learner: string): Promise<string[]> {
  const invitation = await client.json("POST", `/v1/learners/${learner}/invitations`);
  const { secret } = await client.json("POST", "/v1/invitations/redemption", { secret: invitation.secret });
  const keys = [secret];
  for (const name of ["Second", "Third", "Fourth"]) {
    keys.push((await client.json("POST", "/v1/api-keys", { name, role: "learner", learnerId: learner }, { Authorization: `Bearer ${secret}` })).secret);
  }
  return keys;
}

/** As many steps and prerequisites as a path may have. */
async function growPath(client: Client, pathId: string, step: (n: number, most: number) => Json): Promise<void> {
  for (const [steps, most] of [
    [500, 50],
    [500, 10],
    [200, 10],
    [100, 4],
  ] as const) {
    const answer = await client.ask("PATCH", `/v1/paths/${pathId}/versions/2`, { steps: Array.from({ length: steps }, (_, n) => step(n, most)) });
    if (answer.status === 200) return;
  }
  throw new Error("No path of many prerequisites could be drafted");
}

function peakOf(pid: number): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Math.round(Number(kilobytes) / 1_024);
}

async function lostOf(stage: Stage, people: Person[]): Promise<number> {
  const logged = people.flatMap((person) => person.logged);
  const { rows } = await stage.pool.query("SELECT count(*)::int AS stored FROM study_sessions WHERE id = ANY ($1::uuid[])", [logged]);
  return logged.length - rows[0].stored;
}
