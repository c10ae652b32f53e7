import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { ADMIN_KEY } from "./ground";

// What people send, twice where a retry could double it: tsx bench/mixed.ts <address> <rounds>
const [address = "", rounds = "500"] = process.argv.slice(2);
const ROUNDS = Number(rounds);
const AT_ONCE = 16;
const LEARNERS = 50;

const statuses = new Map<string, number>();
const flaws: string[] = [];

type Told = { id: string; startedAt: string; code?: string; total: { minutes: { total: number } } };

async function main(): Promise<void> {
  const team = (await ask("POST", "/v1/teams", { name: "Together" })).id;
  const learners = await Promise.all(Array.from({ length: LEARNERS }, () => join(team)));
  let minutes = 0;
  let next = 0;
  const work = async () => {
    while (next < ROUNDS) {
      const logged = await round(learners[next % LEARNERS] as string, team, next++);
      minutes += logged;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const { total } = await ask("GET", `/v1/teams/${team}/breakdown`);
  if (total.minutes.total !== minutes) flaws.push(`the report says ${total.minutes.total} minutes instead of ${minutes}`);
  console.log(
    `${[...statuses.values()].reduce((sum, count) => sum + count, 0)} answers: ${[...statuses].sort().map(([status, count]) => `${count} of ${status}`)}`,
  );
  console.log(`${minutes} minutes acknowledged, ${total.minutes.total} in the report; ${flaws.length} flaws${flaws.slice(0, 5).map((flaw) => `\n  ${flaw}`)}`);
  process.exit(flaws.length ? 1 : 0);
}

async function join(team: string): Promise<string> {
  const { id } = await ask("POST", "/v1/learners", { name: "Learner" });
  await ask("PUT", `/v1/learners/${id}/membership`, { teamId: team, fromDay: "2020-01-01" });
  return id;
}

/** @returns the minutes that it logged for good */
async function round(learner: string, team: string, number: number): Promise<number> {
  const sessions = `/v1/learners/${learner}/study-sessions`;
  const startedAt = new Date(Date.now() - (1 + (number % 80)) * 86_400_000 - number).toISOString();
  const own = `${sessions}/${randomUUID()}`;
  const put = [0, 1].map(() => ask("PUT", own, { startedAt, minutes: 20, mode: "formal" }));
  const once = { "Idempotency-Key": randomUUID() };
  const posted = [0, 1].map(() => ask("POST", sessions, { startedAt, minutes: 30, mode: "social" }, once));
  const [first, second, one, same] = (await Promise.all([...put, ...posted])) as [Told, Told, Told, Told];
  if (first.id !== second.id || first.startedAt !== startedAt) flaws.push(`${first.id} of ${first.startedAt} is not ${second.id} of ${startedAt}`);
  if (one.id !== same.id) flaws.push(`one Idempotency-Key made ${one.id} and ${same.id}`);
  await ask("PATCH", own, { minutes: 25 });
  await Promise.all([
    ask("GET", `${sessions}?limit=5`),
    ask("GET", `/v1/learners/${learner}/breakdown`),
    ask("GET", `/v1/teams/${team}/breakdown?bucket=month`),
  ]);
  if (number % 5) return 25 + 30;
  await ask("DELETE", own);
  return 30;
}

/** Asks again, as a client would, while its own twin is under way. */
async function ask(method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<Told> {
  const all = { Authorization: `Bearer ${ADMIN_KEY}`, ...(body && { "Content-Type": "application/json" }), ...headers };
  const answer = await fetch(address + path, {
    method,
    headers: all,
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const told = text.startsWith("{") ? JSON.parse(text) : {};
  const name = `${answer.status}${told.code ? ` ${told.code}` : ""}`;
  statuses.set(name, (statuses.get(name) ?? 0) + 1);
  if (told.code === "idempotency-key-in-flight") {
    await wait(50);
    return ask(method, path, body, headers);
  }
  if (!answer.ok) flaws.push(`${method} ${path}: ${text.slice(0, 200)}`);
  return told;
}

void main();
