import { randomUUID } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import { Client } from "./client";
import type { Drill } from "./run";

const AT_ONCE = 50;

/** The same request fifty times at once, over two processes: one effect, and one answer to all. */
export const drill: Drill = async (stage, quick) => {
  const keys = quick ? 20 : 1_000;
  const services = [await stage.service(), await stage.service()];
  let turn = 0;
  const client = new Client(() => services[turn++ % services.length]?.address as string);
  const { id: learner } = await client.json("POST", "/v1/learners", { name: "Learner" });
  const sessions = `/v1/learners/${learner}/study-sessions`;
  const flaws: string[] = [];
  for (let key = 0; key < keys; key++) {
    const body = { startedAt: new Date(Date.now() - key * 86_400_000).toISOString(), minutes: 1 + (key % 1_440), mode: "formal" };
    const [own, header] = [uuidv7(), { "Idempotency-Key": randomUUID() }];
    const isNamed = key % 2 === 0;
    const answers = await Promise.all(
      Array.from({ length: AT_ONCE }, () => (isNamed ? client.ask("PUT", `${sessions}/${own}`, body) : client.ask("POST", sessions, body, header))),
    );
    if (new Set(answers.map(({ text }) => text)).size > 1) flaws.push(`${AT_ONCE} alike were answered differently: ${answers[0]?.text} and others`);
    const created = answers.filter(({ status }) => status === 201).length;
    if (created !== (isNamed ? 1 : AT_ONCE)) flaws.push(`${created} of ${AT_ONCE} were told that they created it`);
  }
  const { rows } = await stage.pool.query("SELECT count(*)::int AS stored FROM study_sessions WHERE learner_id = $1", [learner]);
  if (rows[0].stored !== keys) flaws.push(`${rows[0].stored} sessions are stored, of ${keys} keys`);
  return { keys, requests: client.requests, stored: rows[0].stored, flaws };
};
