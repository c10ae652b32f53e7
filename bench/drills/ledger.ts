import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { v7 as uuidv7 } from "uuid";
import { connect } from "../../src/database/connect";
import { differingMonths } from "../../src/study-sessions/learner-months";
import type { Client } from "./client";

// People who log, each one thing after the other, and a ledger of what was acknowledged. Whatever
// happens meanwhile, in the end the database and the report hold just what the ledger holds.

const MODES = ["on-the-job", "social", "formal"] as const;
type Where = { DATABASE_URL: string } | { DATA_DIR: string };
type Entry = { minutes: number; mode: (typeof MODES)[number]; startedAt: string };

const PATIENCE_MS = 120_000;
const BATCH = 10;
const IMPORT = 50;

export class Ledger {
  /** Writes that were acknowledged: a session logged, changed or deleted. */
  acknowledged = 0;
  /** Of those, the ones that had to be sent again. */
  repeated = 0;
  /** Writes that were sent once more on purpose, and answered alike. */
  replayed = 0;
  readonly flaws: string[] = [];
  readonly #sessions = new Map<string, Entry & { learner: string }>();
  readonly #deleted = new Set<string>();
  #team = "";
  #learners: string[] = [];

  constructor(private readonly client: Client) {}

  /**
   * Makes a team of so many, and lets them log, each with a pause after every write.
   *
   * @returns what stops them, and ends when the last write of each was acknowledged
   */
  async begin(count: number, pauseMs = 0): Promise<() => Promise<void>> {
    this.#team = (await this.client.json("POST", "/v1/teams", { name: "Drilled" })).id;
    this.#learners = await Promise.all(
      Array.from({ length: count }, async () => {
        const { id } = await this.client.json("POST", "/v1/learners", { name: "Learner" });
        await this.client.json("PUT", `/v1/learners/${id}/membership`, { teamId: this.#team, fromDay: "2020-01-01" });
        return id as string;
      }),
    );
    let isOver = false;
    const writing = Promise.all(
      this.#learners.map(async (learner) => {
        while (!isOver) {
          await this.#writeOne(learner);
          if (pauseMs) await wait(pauseMs * 2 * Math.random());
        }
      }),
    );
    return async () => {
      isOver = true;
      await writing;
    };
  }

  /** Waits until so many writes were acknowledged in all. @throws Error when nothing moves for two minutes */
  async reached(writes: number): Promise<void> {
    for (let [last, since] = [this.acknowledged, Date.now()]; last < writes; await wait(10)) {
      if (this.acknowledged > last) [last, since] = [this.acknowledged, Date.now()];
      else if (Date.now() - since > PATIENCE_MS) throw new Error(`Nothing is acknowledged any more. ${[...this.flaws, ...this.client.flaws].slice(-1)}`);
    }
  }

  async #writeOne(learner: string): Promise<void> {
    const chance = Math.random();
    if (chance < 0.4) return this.#put(learner);
    if (chance < 0.65) return this.#post(learner);
    if (chance < 0.8) return this.#change(learner);
    if (chance < 0.88) return this.#delete(learner);
    if (chance < 0.97) return this.#batch(learner);
    return this.#import(learner);
  }

  async #put(learner: string): Promise<void> {
    const [id, entry] = [uuidv7(), newEntry()];
    const answer = await this.client.ask("PUT", `${sessionsOf(learner)}/${id}`, entry);
    if (this.#isFine(answer, [200, 201])) this.#note(learner, [[id, entry]], answer.tries);
  }

  async #post(learner: string): Promise<void> {
    const [entry, key] = [newEntry(), { "Idempotency-Key": randomUUID() }];
    const answer = await this.client.ask("POST", sessionsOf(learner), entry, key);
    if (!this.#isFine(answer, [201])) return;
    this.#note(learner, [[JSON.parse(answer.text).id, entry]], answer.tries);
    if (Math.random() > 0.2) return;
    const again = await this.client.ask("POST", sessionsOf(learner), entry, key);
    this.replayed++;
    if (again.status !== answer.status || again.text !== answer.text)
      this.flaws.push(`a replay answered ${again.status} ${again.text} instead of ${answer.text}`);
  }

  async #batch(learner: string): Promise<void> {
    const entries = newEntries(BATCH);
    const items = entries.map(([id, entry]) => ({ learnerId: learner, id, ...entry }));
    const answer = await this.client.ask("POST", "/v1/study-sessions/batch", { items });
    if (!this.#isFine(answer, [200])) return;
    if (JSON.parse(answer.text).rejected) this.flaws.push(`a batch was rejected: ${answer.text.slice(0, 300)}`);
    this.#note(learner, entries, answer.tries);
  }

  /** A file is known to be stored by its last line; until then it is sent again, whole. */
  async #import(learner: string): Promise<void> {
    const entries = newEntries(IMPORT);
    const lines = entries.map(([id, entry]) => JSON.stringify({ learnerId: learner, id, ...entry })).join("\n");
    for (let tries = 1; ; tries++) {
      const answer = await this.client.ask("POST", "/v1/imports/study-sessions", lines);
      if (!this.#isFine(answer, [200])) return;
      const last = JSON.parse(answer.text.trimEnd().split("\n").at(-1) ?? "{}");
      if (last.kind !== "done") continue;
      if (last.rejected) this.flaws.push(`lines were rejected: ${answer.text.slice(0, 300)}`);
      return this.#note(learner, entries, tries + answer.tries - 1);
    }
  }

  async #change(learner: string): Promise<void> {
    const id = this.#anyOf(learner);
    if (!id) return this.#put(learner);
    const minutes = newEntry().minutes;
    const answer = await this.client.ask("PATCH", `${sessionsOf(learner)}/${id}`, { minutes, mode: this.#sessions.get(id)?.mode });
    if (this.#isFine(answer, [200])) this.#note(learner, [[id, { ...(this.#sessions.get(id) as Entry), minutes }]], answer.tries);
  }

  async #delete(learner: string): Promise<void> {
    const id = this.#anyOf(learner);
    if (!id) return this.#put(learner);
    const answer = await this.client.ask("DELETE", `${sessionsOf(learner)}/${id}`);
    // Deleted by the first try, whose answer was lost.
    if (!this.#isFine(answer, answer.tries > 1 ? [204, 404] : [204])) return;
    this.#sessions.delete(id);
    this.#own.get(learner)?.splice(this.#own.get(learner)?.indexOf(id) ?? 0, 1);
    this.#deleted.add(id);
    this.#count(1, answer.tries);
  }

  readonly #own = new Map<string, string[]>();

  #anyOf(learner: string): string | undefined {
    const own = this.#own.get(learner) ?? [];
    return own[Math.floor(Math.random() * own.length)];
  }

  #note(learner: string, entries: [string, Entry][], tries: number): void {
    const own = this.#own.get(learner) ?? [];
    for (const [id, entry] of entries) {
      if (!this.#sessions.has(id)) own.push(id);
      this.#sessions.set(id, { ...entry, learner });
    }
    this.#own.set(learner, own);
    this.#count(entries.length, tries);
  }

  #count(writes: number, tries: number): void {
    this.acknowledged += writes;
    if (tries > 1) this.repeated += writes;
  }

  #isFine({ status, text }: { status: number; text: string }, expected: number[]): boolean {
    if (!expected.includes(status)) this.flaws.push(`${status} ${text.slice(0, 300)}`);
    return expected.includes(status);
  }

  /**
   * Compares with the report, with what is stored, and the sums of months with the sessions.
   *
   * @param release lets go of the database, where only one may have it
   */
  async compare(where: Where, release: () => Promise<unknown> = async () => undefined): Promise<{ lost: number; doubled: number; flaws: string[] }> {
    const flaws = [...this.flaws, ...this.client.flaws, ...(await this.#compareReport())];
    await release();
    const database = await connect({
      ...where,
      DATABASE_POOL_SIZE: 1,
      DATABASE_HEAVY_POOL_SIZE: 0,
      DATABASE_CONNECT_TIMEOUT_MS: 5_000,
      DATABASE_STATEMENT_TIMEOUT_MS: 0,
    });
    const { rows } = await database.pool.query<{ id: string; learner_id: string; minutes: number; mode: string; deleted: boolean }>(
      `SELECT id, learner_id, minutes, deleted_at IS NOT NULL AS deleted,
             CASE minutes WHEN on_the_job_minutes THEN 'on-the-job' WHEN social_minutes THEN 'social' WHEN formal_minutes THEN 'formal' END AS mode
      FROM study_sessions WHERE learner_id = ANY ($1)`,
      [this.#learners],
    );
    const stored = new Map(rows.map((row) => [row.id, row]));
    let lost = 0;
    for (const [id, { learner, minutes, mode }] of this.#sessions) {
      const row = stored.get(id);
      if (row && !row.deleted && row.learner_id === learner && row.minutes === minutes && row.mode === mode) continue;
      lost++;
      flaws.push(`lost: ${id} of ${minutes} minutes (${mode}), stored ${JSON.stringify(row)}`);
    }
    for (const id of this.#deleted) {
      if (stored.get(id)?.deleted) continue;
      lost++;
      flaws.push(`a deletion of ${id} was lost`);
    }
    const doubled = rows.filter(({ id }) => !this.#sessions.has(id) && !this.#deleted.has(id));
    for (const row of doubled) flaws.push(`nobody was told of ${JSON.stringify(row)}`);
    for await (const { differing } of differingMonths(database.db, {})) flaws.push(...differing.map((month) => `the sum of ${JSON.stringify(month)} differs`));
    await database.close();
    return { lost, doubled: doubled.length, flaws };
  }

  async #compareReport(): Promise<string[]> {
    const { total } = await this.client.json("GET", `/v1/teams/${this.#team}/breakdown`);
    const all = [...this.#sessions.values()];
    const minutes = (mode: string) => all.filter((entry) => entry.mode === mode).reduce((sum, entry) => sum + entry.minutes, 0);
    const expected = [all.length, ...MODES.map(minutes)].join();
    const reported = [total.sessions.total, total.minutes.onTheJob, total.minutes.social, total.minutes.formal].join();
    return expected === reported ? [] : [`the report says ${reported} (sessions and minutes by mode) instead of ${expected}`];
  }
}

function sessionsOf(learner: string): string {
  return `/v1/learners/${learner}/study-sessions`;
}

function newEntry(): Entry {
  // Within the report's days, whatever today is.
  const startedAt = new Date(Date.now() - (1 + Math.random() * 50) * 86_400_000).toISOString();
  // So few that no day gets full.
  return { minutes: 1 + Math.floor(Math.random() * 12), mode: MODES[Math.floor(Math.random() * MODES.length)] as Entry["mode"], startedAt };
}

function newEntries(count: number): [string, Entry][] {
  return Array.from({ length: count }, () => [uuidv7(), newEntry()]);
}
