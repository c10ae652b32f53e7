import type { Scope } from "../access/scope";
import { type Act, recordingEach } from "../audit/audit.service";
import type { Db } from "../database/transaction";
import { Prisma, type StudySession as Row } from "../generated/prisma/client";
import { inWords } from "../http/schema";
import { rulesOf } from "./full-days";

type Inserted = { row: Row; act: Act | undefined };

/**
 * Inserts the rows whose ids are free, in one statement however many. They travel as a list a
 * column, and what is the same in all of them once, which takes both sides the least work. By each
 * act that is given, and by which something went in, the same statement records one event.
 *
 * @param scope whose settings say what a day may hold, and whether closed months are corrected
 * @param inserted no two with the same key
 * @returns the keys that went in
 */
export async function insertSessions(db: Db, scope: Scope, inserted: Inserted[]): Promise<{ learnerId: string; id: string }[]> {
  // In one order, so that two who write the same keys wait for each other, and never both.
  const ordered = inserted.toSorted((a, b) => compare(a.row.learnerId, b.row.learnerId) || compare(a.row.id, b.row.id));
  const rows = ordered.map(({ row }) => row);
  const columns = COLUMNS.map((column) => ({ ...column, isList: column.field === "id" || !areAlike(rows, column.field) }));
  const lists = columns.filter(({ isList }) => isList);
  const values = columns.map(({ type, isList, value, read, name }) => read(isList ? Prisma.sql`r.${name}` : Prisma.sql`${value(rows[0] as Row)}::${type}`));
  const [stored] = await db.$queryRaw<[{ keys: string | null }]>`
    WITH stored AS (
      INSERT INTO study_sessions (${Prisma.join(columns.map(({ name }) => name))})
      SELECT ${Prisma.join(values)}
      FROM unnest(${Prisma.join(lists.map((column) => Prisma.sql`${listOf(rows, column)}::${column.type}[]`))}) AS r(${Prisma.join(lists.map(({ name }) => name))})
      ON CONFLICT (learner_id, id) DO NOTHING
      RETURNING learner_id, id
    )
    ${recorded(ordered)}
    SELECT string_agg(learner_id::text || id::text, '') AS keys, (SELECT ${rulesOf(scope)}) AS rules FROM stored`;
  return pairsIn(stored.keys ?? "");
}

function recorded(inserted: Inserted[]): Prisma.Sql {
  const acts = [...new Set(inserted.flatMap(({ act }) => act ?? []))];
  const [act] = acts;
  if (!act) return Prisma.empty;
  // A file's or a batch's own: all of it is by the one act.
  if (acts.length === 1 && inserted.every((each) => each.act))
    return Prisma.sql`, recorded AS (${recordingEach(acts, "change", Prisma.sql`SELECT 0 AS act, learner_id, id FROM stored`)})`;
  const numbers = new Map(acts.map((act, number) => [act, number]));
  const by = inserted.flatMap(({ row: { learnerId, id }, act }) => (act ? [{ learnerId, id, number: numbers.get(act) }] : []));
  const list = (values: unknown[]) => `{${values.join()}}`;
  const items = Prisma.sql`
    SELECT act, learner_id, id FROM stored
    JOIN unnest(${list(by.map((each) => each.learnerId))}::uuid[], ${list(by.map((each) => each.id))}::uuid[], ${list(by.map((each) => each.number))}::int[])
      AS by (learner_id, id, act) USING (learner_id, id)`;
  return Prisma.sql`, recorded AS (${recordingEach(acts, "change", items)})`;
}

const UUID_LENGTH = 36;

/** As one text, because thousands of rows take Prisma longer to hand over than the database to store. */
function pairsIn(keys: string): { learnerId: string; id: string }[] {
  return Array.from({ length: keys.length / (2 * UUID_LENGTH) }, (_, index) => {
    const [start, middle] = [index * 2 * UUID_LENGTH, (index * 2 + 1) * UUID_LENGTH];
    return { learnerId: keys.slice(start, middle), id: keys.slice(middle, middle + UUID_LENGTH) };
  });
}

/** How a field travels: a text in which anything may stand is quoted; and what the column reads it as, where that is another type. */
type Column = { type: string; value(row: Row): string | number | boolean | null; quote?: boolean; read?(value: Prisma.Sql): Prisma.Sql };

const plain = (type: string, field: keyof Row): Column => ({ type, value: (row) => row[field] as string });
const instant = (field: "startedAt" | "loggedAt" | "updatedAt" | "deletedAt"): Column => ({
  type: "timestamptz",
  value: (row) => row[field]?.toISOString() ?? null,
});

const checksum = (field: "bodyDigest" | "openDigest"): Column => ({
  type: "text",
  value: ({ [field]: bytes }) => bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex"),
  read: (value) => Prisma.sql`decode(${value}, 'hex')`,
});

const FIELDS: Record<keyof Row, Column> = {
  learnerId: plain("uuid", "learnerId"),
  id: plain("uuid", "id"),
  startedAt: instant("startedAt"),
  timeZone: { ...plain("text", "timeZone"), quote: true },
  occurredOn: { type: "date", value: ({ occurredOn }) => occurredOn.toISOString().slice(0, 10) },
  minutes: plain("smallint", "minutes"),
  onTheJobMinutes: plain("smallint", "onTheJobMinutes"),
  socialMinutes: plain("smallint", "socialMinutes"),
  formalMinutes: plain("smallint", "formalMinutes"),
  impact: plain("smallint", "impact"),
  goalId: plain("uuid", "goalId"),
  stepId: plain("uuid", "stepId"),
  resourceId: plain("uuid", "resourceId"),
  resourceType: plain("resource_type", "resourceType"),
  mentorId: plain("uuid", "mentorId"),
  // A list of lists would be taken apart whole.
  skills: { type: "text", value: ({ skills }) => `{${skills.map(quoted).join()}}`, quote: true, read: (value) => Prisma.sql`(${value})::text[]` },
  verification: { type: "verification", value: ({ verification }) => inWords(verification, "-") },
  note: { ...plain("text", "note"), quote: true },
  noteShared: plain("boolean", "noteShared"),
  bodyDigest: checksum("bodyDigest"),
  openDigest: checksum("openDigest"),
  version: plain("int", "version"),
  loggedAt: instant("loggedAt"),
  updatedAt: instant("updatedAt"),
  deletedAt: instant("deletedAt"),
  overlapping: plain("boolean", "overlapping"),
};

const COLUMNS = Object.entries(FIELDS).map(([field, { type, value, quote = false, read = (value: Prisma.Sql) => value }]) => {
  return { field: field as keyof Row, name: Prisma.raw(inWords(field, "_")), type: Prisma.raw(type), value, quote, read };
});

function areAlike(rows: Row[], field: keyof Row): boolean {
  const first = rows[0]?.[field];
  return rows.every((row) => row[field] === first);
}

/** A list as the database writes one: a parameter that is a list costs Prisma more than one that is a text. */
function listOf(rows: Row[], { value, quote }: { value: Column["value"]; quote: boolean }): string {
  const items = rows.map((row) => {
    const item = value(row);
    return item === null ? "NULL" : quote ? quoted(item as string) : item;
  });
  return `{${items.join()}}`;
}

function quoted(text: string): string {
  return `"${/["\\]/.test(text) ? text.replace(/["\\]/g, "\\$&") : text}"`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
