import { onDay, personOf, type Scope, visibleLearners } from "../access/scope";
import { type Act, record } from "../audit/audit.service";
import type { Prisma, PrismaClient } from "../generated/prisma/client";
import { toCsv } from "../http/csv";
import { COLUMNS, type Form, lineOf } from "../study-sessions/written";
import type { SessionExport } from "./exports.schema";
import { readSessionPage, type SessionPage } from "./session-page.query";

const LEARNERS = 500;
const FIRST_LEARNERS = 10;
const ABOUT_A_PAGE = 4_000;
const AT_ONCE = 2;

export type Reading = {
  db: PrismaClient;
  /** Is aborted when nobody reads the export any more. */
  signal: AbortSignal;
  /** Reads a page when it is the caller's turn. */
  inTurn<T>(read: () => Promise<T>): Promise<T>;
};

/**
 * The sessions of everybody whom the caller may see, page by page, and last a line that says how
 * many: without it the answer was cut. Each page is recorded before it is sent.
 */
export async function* exportSessions({ db, ...reading }: Reading, scope: Scope, filter: SessionExport, form: Form, act: Act): AsyncGenerator<string> {
  const own = personOf(scope.caller);
  let [rows, before]: [number, string | undefined] = [0, own ?? undefined];
  let beginning = form === "csv" ? toCsv(COLUMNS, []) : "";
  for await (const page of readPages({ db, ...reading }, scope, filter, form)) {
    const others = page.learnerIds.filter((id) => id !== own && id !== before);
    if (rows === 0 || others.length) await record(db, act, "read", others);
    before = page.last?.learnerId;
    rows += page.rows;
    yield beginning + page.text;
    beginning = "";
  }
  yield form === "csv" ? `# complete: ${rows} rows\r\n` : `${JSON.stringify({ kind: "done", rows })}\n`;
}

type Batch = { learners: number; rows: number; pages: AsyncGenerator<SessionPage>; next: Promise<IteratorResult<SessionPage>> };

/** At least one page, in order, of two batches of learners at a time: while one is sent the next ones are read, and no more. */
async function* readPages({ db, ...reading }: Reading, scope: Scope, filter: SessionExport, form: Form): AsyncGenerator<SessionPage> {
  const line = lineOf(form, scope);
  const lists = readLearners(db, scope, filter);
  const batches: Batch[] = [];
  let waiting: string[] | undefined = [];
  let size = FIRST_LEARNERS;
  const takeLearners = async (): Promise<string[] | undefined> => {
    if (!waiting?.length) waiting = (await lists.next()).value;
    return waiting?.splice(0, size);
  };
  const readOn = (batch: Omit<Batch, "next">): Batch => {
    const next = batch.pages.next();
    // Its failure is met when its turn comes.
    next.catch(() => undefined);
    return { ...batch, next };
  };
  try {
    for (;;) {
      while (batches.length < AT_ONCE) {
        const learners = await takeLearners();
        if (!learners) break;
        batches.push(readOn({ learners: learners.length, rows: 0, pages: readBatch({ db, ...reading }, filter, line, learners) }));
      }
      const batch = batches.shift();
      if (!batch) return;
      const { value, done } = await batch.next;
      if (done) {
        // As many as have about a page together, going by these: a batch's own pages come one after the other.
        size = Math.max(1, Math.round((batch.learners * ABOUT_A_PAGE) / Math.max(1, batch.rows)));
        continue;
      }
      batches.unshift(readOn({ ...batch, rows: batch.rows + value.rows }));
      yield value;
    }
  } finally {
    await Promise.allSettled(batches.map(({ next }) => next));
  }
}

async function* readBatch({ db, signal, inTurn }: Reading, filter: SessionExport, line: Prisma.Sql, learnerIds: string[]): AsyncGenerator<SessionPage> {
  let [left, last]: [string[], SessionPage["last"]] = [learnerIds, null];
  do {
    const after = { left, last };
    const page: SessionPage = await inTurn(() => readSessionPage(db, filter, line, after.left, after.last, signal));
    last = page.last;
    if (last) left = left.slice(left.indexOf(last.learnerId));
    yield page;
  } while (last);
}

/** Those whom the caller may see, some at a time; once at least, perhaps nobody. */
async function* readLearners(db: PrismaClient, scope: Scope, { team }: SessionExport): AsyncGenerator<string[], undefined> {
  const inTeam = team ? { memberships: { some: { ...onDay(scope.today), team: { ancestors: { some: { ancestorId: team } } } } } } : {};
  let after: string | undefined;
  do {
    const learners = await db.learner.findMany({
      where: { AND: [visibleLearners(scope), inTeam, after ? { id: { gt: after } } : {}] },
      orderBy: { id: "asc" },
      select: { id: true },
      take: LEARNERS,
    });
    after = learners.length < LEARNERS ? undefined : learners.at(-1)?.id;
    yield learners.map(({ id }) => id);
  } while (after);
}
