import { readdir } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import { ADMIN_KEY } from "../ground";
import { round } from "../timing";
import { Client, readMetrics } from "./client";
import { Ledger } from "./ledger";
import type { Drill } from "./run";

const WRITERS = 64;
const READERS = 8;
const PAUSE_MS = 250;
const SAMPLE_MS = 1_000;
/** The time is cut into so many parts, and of each the least of every metric counts: what is left after garbage was collected. */
const PARTS = 30;
/** Less than this share of what was held at first may be a cache that fills. */
const SHARE = 0.02;
// 404: what is not there is asked for, too, and what was deleted a second time.
const FINE = ["200", "201", "204", "404", "hung up"];
// Left to itself, V8 lets garbage lie for minutes at so little load.
const COLLECT = `import v8 from "node:v8"; import vm from "node:vm"; v8.setFlagsFromString("--expose-gc"); setInterval(vm.runInNewContext("gc"), 10_000).unref();`;

// As the service's own metrics name them.
const HELD = { heapBytes: /^nodejs_heap_size_used_bytes /, fileDescriptors: /^process_open_fds /, databaseConnections: /^database_connections.*"(busy|idle)"/ };
type Sample = Record<keyof typeof HELD, number>;

/** Half an hour of everything at once, hang-ups too: what the process holds does not grow with the time that it runs. */
export const drill: Drill = async (stage, quick) => {
  const [warmUpS, seconds] = quick ? [5, 15] : [900, 1_800];
  const service = await stage.service({ RATE_LIMIT_PER_MINUTE: "1000000", NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(COLLECT)}` });
  const client = new Client(() => service.address);
  const ledger = new Ledger(client);
  const stop = await ledger.begin(WRITERS, PAUSE_MS);
  const [team] = (await client.json("GET", "/v1/teams")).items;
  const [learner] = (await client.json("GET", "/v1/learners")).items;
  let isOver = false;
  const reading = Array.from({ length: READERS }, () => read(service.address, pathsOf(team.id, learner.id), () => isOver));
  await wait(warmUpS * 1_000);
  const samples = await watch(service.address, seconds).finally(() => {
    isOver = true;
  });
  const [reads] = await Promise.all([Promise.all(reading), stop()]);
  const { lost, doubled, flaws } = await ledger.compare({ DATABASE_URL: stage.url });
  const faults = [...client.statuses, ...reads.flat()].filter(([status]) => !FINE.includes(status));
  for (const [status, count] of faults) flaws.push(`${count} answers of ${status}`);
  const slopes = Object.keys(HELD).map((name) => {
    const least = leastOfEach(samples.map((sample) => sample[name as keyof Sample]));
    const { slope, plusMinus } = trend(least);
    const perHour = (3_600 * least.length) / seconds;
    const inWords = `${round(slope * perHour)} ± ${round(plusMinus * perHour)}`;
    const grown = slope * least.length;
    if (!quick && slope - plusMinus > 0 && grown > SHARE * Math.abs(least[0] as number)) flaws.push(`${name} grows by ${inWords} an hour, from ${least[0]}`);
    return { [name]: least.join(" "), [`${name}PerHour`]: inWords };
  });
  const answered = reads.flat().reduce((sum, [, count]) => sum + count, 0);
  return { seconds, acknowledged: ledger.acknowledged, read: answered, ...Object.assign({}, ...slopes), lost, doubled, flaws };
};

function pathsOf(team: string, learner: string): string[] {
  return [
    "/v1/me",
    "/v1/learners?limit=50",
    `/v1/learners/${learner}`,
    `/v1/learners/${learner}/study-sessions?limit=50`,
    `/v1/learners/${learner}/breakdown`,
    `/v1/teams/${team}/breakdown?bucket=month`,
    `/v1/teams/${team}/breakdown?groupBy=learner`,
    `/v1/teams/${team}/growth`,
    "/v1/audit-events?limit=50",
    "/v1/nothing",
    "/openapi.json",
  ];
}

/** Reads one thing after the other, and hangs up on one in ten. @returns how many answers had which status */
async function read(address: string, paths: string[], isOver: () => boolean): Promise<[string, number][]> {
  const statuses = new Map<string, number>();
  while (!isOver()) {
    const hangsUp = Math.random() < 0.1;
    const patienceMs = hangsUp ? 1 + Math.random() * 20 : 60_000;
    const path = paths[Math.floor(Math.random() * paths.length)];
    try {
      const answer = await fetch(address + path, { headers: { Authorization: `Bearer ${ADMIN_KEY}` }, signal: AbortSignal.timeout(Math.ceil(patienceMs)) });
      await answer.arrayBuffer();
      statuses.set(String(answer.status), (statuses.get(String(answer.status)) ?? 0) + 1);
    } catch {
      const why = hangsUp ? "hung up" : "none";
      statuses.set(why, (statuses.get(why) ?? 0) + 1);
    }
    await wait(PAUSE_MS * 2 * Math.random());
  }
  return [...statuses];
}

async function watch(address: string, seconds: number): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const until = Date.now() + seconds * 1_000; Date.now() < until; await wait(SAMPLE_MS)) {
    const sum = await readMetrics(address);
    const { fileDescriptors, ...held } = Object.fromEntries(Object.entries(HELD).map(([name, metric]) => [name, sum(metric)])) as Sample;
    // Clients keep as many connections as they ever needed at once: what they hold here is not the service's doing.
    const own = (await readdir("/proc/self/fd")).length;
    samples.push({ ...held, fileDescriptors: fileDescriptors - own });
  }
  return samples;
}

function leastOfEach(values: number[]): number[] {
  const size = Math.ceil(values.length / PARTS);
  return Array.from({ length: Math.ceil(values.length / size) }, (_, part) => Math.min(...values.slice(part * size, (part + 1) * size)));
}

/** The straight line through values: how much it rises from one to the next, and the bounds within which that lies 19 times of 20. */
function trend(values: number[]): { slope: number; plusMinus: number } {
  const count = values.length;
  const [middle, mean] = [(count - 1) / 2, values.reduce((sum, value) => sum + value, 0) / count];
  const width = values.reduce((sum, _, n) => sum + (n - middle) ** 2, 0);
  const slope = values.reduce((sum, value, n) => sum + (n - middle) * (value - mean), 0) / width;
  const rest = values.reduce((sum, value, n) => sum + (value - mean - slope * (n - middle)) ** 2, 0);
  return { slope, plusMinus: 2 * Math.sqrt(rest / (count - 2) / width) };
}
