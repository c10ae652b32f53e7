import { randomUUID } from "node:crypto";
import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from "node:http";
import { connect } from "node:net";
import { constants, setPriority } from "node:os";
import { setTimeout as wait } from "node:timers/promises";

// One learner, with a key or several, who does everything at once that could keep the service from
// others, until the drill tells it to stop. A process of its own, whose work is not the drill's.

/** `fullDay`: on it nothing more can be logged. */
export type Orders = { address: string; keys: string[]; learner: string; fullDay: string; goal: string; path: string };

type Sent = { method?: string; path: string; headers?: OutgoingHttpHeaders; body?: Buffer | string };

const PAUSE_MS = 100;
const YEARS = "from=2016-12-01&to=2026-11-30";
const statuses = new Map<string, number>();
let isOver = false;
const agent = new Agent({ keepAlive: true });

async function main(orders: Orders): Promise<void> {
  // Its machine would be another than the service's.
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  const deeds = attacks(orders);
  process.once("message", () => {
    isOver = true;
    agent.destroy();
    const counted = [...statuses].sort().map(([status, count]) => `${status}: ${count}`);
    process.send?.(counted.join(", "), () => process.exit());
  });
  process.send?.("begun");
  await Promise.all(deeds.map(([atOnce, attack]) => Promise.all(Array.from({ length: atOnce }, () => again(attack)))));
}

async function again(attack: () => Promise<string>): Promise<void> {
  while (!isOver) {
    const status = await attack().catch(() => "none");
    if (!isOver) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    await wait(PAUSE_MS * (0.5 + Math.random()));
  }
}

/** What is done, and by how many at once. */
function attacks({ address, keys, learner, fullDay, goal, path }: Orders): [number, () => Promise<string>][] {
  let turn = 0;
  const key = () => ({ Authorization: `Bearer ${keys[turn++ % keys.length]}` });
  const send = ({ method = "GET", path, headers = {}, body }: Sent, read = drain): Promise<string> =>
    new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) };
      const asked = request(`${address}${path}`, { method, agent, headers: { ...key(), ...length, ...headers }, timeout: 60_000 }, (answer) => {
        read(answer).then(() => resolve(String(answer.statusCode)), reject);
      });
      asked.on("timeout", () => asked.destroy()).on("error", reject);
      asked.end(body);
    });
  const json = { "Content-Type": "application/json" };
  const own = `/v1/learners/${learner}`;
  const columns = Array.from({ length: 40_000 }, (_, n) => `c${n}`).join();
  const unknownKeys = Buffer.from(`{"items":[{}],${Array.from({ length: 70_000 }, (_, n) => `"k${n.toString(36)}":0`).join()}}`);
  const manyKeys = Buffer.from(`{"items":[{}],${Array.from({ length: 500_000 }, (_, n) => `"k${n.toString(36)}":0`).join()}}`);
  const deep = `${'{"items":['.repeat(100_000)}`;
  const longNotes = () =>
    JSON.stringify({
      items: Array.from({ length: 100 }, () => ({
        learnerId: learner,
        id: randomUUID(),
        startedAt: "2015-01-01T08:00:00Z",
        minutes: 1,
        note: "é".repeat(4_500),
      })),
    });
  const thousand = JSON.stringify({
    items: Array.from({ length: 1_000 }, () => ({ learnerId: learner, startedAt: "2015-06-01T08:00:00Z", minutes: 1, split: { onTheJob: 9 }, note: "x" })),
  });
  const skills = { title: "x", startsOn: "2026-01-01", dueOn: "2026-12-31", skills: Array.from({ length: 100_000 }, (_, n) => `s${n}`) };
  const goals = Buffer.from(JSON.stringify(skills));
  const pipeline = `GET ${own}/study-sessions?limit=50 HTTP/1.1\r\nHost: drill\r\nAuthorization: Bearer ${keys[0]}\r\n\r\n`.repeat(16);

  return [
    [12, () => send({ path: `${own}/breakdown?${YEARS}&groupBy=skill&bucket=week&compare=previous` })],
    [4, () => send({ path: `${own}/breakdown?${YEARS}&groupBy=resource&bucket=month`, headers: { Accept: "text/csv" } })],
    [4, () => send({ path: `${own}/growth?${YEARS}&since=2016-12-01` })],
    [8, () => send({ path: "/v1/exports/study-sessions" })],
    [8, () => send({ path: `${own}/export` })],
    // Who asks for much and does not read it.
    [8, () => send({ path: `${own}/export` }, stall)],
    [8, () => send({ path: `${own}/study-sessions?limit=200` }, stall)],
    [8, () => send({ path: `${own}/goals/${goal}/path` })],
    [4, () => send({ path: `/v1/paths/${path}` })],
    [8, () => send({ path: `${own}/study-sessions?limit=200`, headers: { Accept: "text/csv" } })],
    [8, () => send({ path: `/v1/resources?q=${"a%20".repeat(30)}&limit=200` })],
    [4, () => send({ path: `${own}/study-sessions?cursor=${"A".repeat(3_900)}` })],
    [3, () => send({ method: "POST", path: "/v1/imports/study-sessions", headers: { "Content-Type": "text/csv" }, body: `${columns}\n1\n` })],
    [32, () => trickle(address, key().Authorization)],
    [4, () => send({ method: "POST", path: "/v1/study-sessions/batch", headers: { ...json, "Idempotency-Key": randomUUID() }, body: unknownKeys })],
    [4, () => send({ method: "POST", path: "/v1/study-sessions/batch", headers: json, body: manyKeys })],
    [2, () => send({ method: "POST", path: "/v1/study-sessions/batch", headers: json, body: deep })],
    [4, () => send({ method: "POST", path: "/v1/study-sessions/batch", headers: { ...json, "Idempotency-Key": randomUUID() }, body: longNotes() })],
    [4, () => send({ method: "POST", path: "/v1/study-sessions/batch", headers: json, body: thousand })],
    [4, () => send({ method: "POST", path: `${own}/goals`, headers: json, body: goals })],
    [
      16,
      () =>
        send({
          method: "POST",
          path: `${own}/goals/${goal}/terms`,
          headers: { ...json, "Idempotency-Key": randomUUID() },
          body: `{"term":"${randomUUID()}","meaning":"x"}`,
        }),
    ],
    [
      8,
      () =>
        send({
          method: "PUT",
          path: `${own}/study-sessions/${randomUUID()}`,
          headers: json,
          body: `{"startedAt":"${fullDay}T08:00:00Z","minutes":1000,"mode":"social"}`,
        }),
    ],
    [16, () => send({ path: "/v1/me" })],
    [8, () => raw(address, pipeline)],
  ];
}

async function drain(answer: IncomingMessage): Promise<void> {
  for await (const _ of answer);
}

/** Reads nothing for some seconds, then hangs up. */
async function stall(answer: IncomingMessage): Promise<void> {
  await wait(5_000);
  answer.destroy();
}

/** An import that sends a line now and then, and never ends. */
function trickle(address: string, authorization: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { Authorization: authorization, "Content-Type": "application/x-ndjson" };
    const upload = request(`${address}/v1/imports/study-sessions`, { method: "POST", headers }, (answer) => {
      answer
        .on("error", reject)
        .on("close", () => resolve(String(answer.statusCode)))
        .resume();
    });
    const timer = setInterval(() => upload.write("{}\n"), 2_000);
    upload.on("error", reject).on("close", () => clearInterval(timer));
    upload.write("{}\n");
  });
}

/** Sends requests without waiting for answers, and reads none for a second. */
async function raw(address: string, text: string): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port: Number(new URL(address).port) }).on("error", () => undefined);
  socket.pause().write(text);
  await wait(1_000);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.resume();
  await Promise.race([closed, wait(2_000)]);
  socket.destroy();
  return "pipelined";
}

main(JSON.parse(process.argv[2] as string));
