import { v7 as uuidv7 } from "uuid";
import { checkShared, type Scope, sharedWith } from "../access/scope";
import { containsAllWords, patternsOf } from "../database/search";
import type { Db } from "../database/transaction";
import { changesNothing } from "../database/unchanged";
import { type Day, toDate } from "../days";
import { invalid } from "../errors";
import { Prisma } from "../generated/prisma/client";
import { requireGoal } from "../goals/goals.service";
import { beyond, type Page, readPage } from "../http/paging";
import type { IfVersion } from "../http/preconditions";
import { todayOf } from "../learners/learners.service";
import { holdsOn, teamsOf } from "../study-sessions/filters";
import type { GlossaryEntry, GlossaryList, Term, TermCreate, TermList, TermUpdate } from "./terms.schema";

type Key = { learnerId: string; goalId: string; id: string };

/** With the term as PostgreSQL compares it. */
type Row = GlossaryEntry & { key: string };

const MOST_MEANINGS = 5;

/** @throws AppError when the goal has the term already, in whatever case, among the shared ones or among the learner's private ones */
export async function addTerm(db: Db, scope: Scope, learnerId: string, goalId: string, input: TermCreate, now: Date): Promise<Term> {
  checkShared(scope, learnerId, input.shared ?? false);
  await requireGoal(db, learnerId, goalId);
  await checkLearned(db, learnerId, input, now);
  return db.term.create({ data: { id: uuidv7(), ...input, learnerId, goalId } });
}

export function getTerm(db: Db, scope: Scope, key: Key): Promise<Term> {
  return db.term.findUniqueOrThrow({ where: whereTerm(scope, key, {}) });
}

/** A learner's terms over all goals, as far as the caller may see them, by term. */
export function listTerms(db: Db, scope: Scope, learnerId: string, { q, goal, resource, learned, ...page }: TermList): Promise<Page<Term>> {
  const filter: Prisma.TermWhereInput = {
    learnerId,
    ...(goal && { goalId: goal }),
    ...(resource && { resourceId: resource }),
    ...(learned !== undefined && { learnedOn: learned ? { not: null } : null }),
    ...sharedWith(scope, learnerId),
  };
  return readPage(["terms", q, filter], page, { text: (term) => term.term }, (take, after) =>
    db.term.findMany({
      where: { AND: [filter, ...containsAllWords(q), beyond("term", "asc", after)] },
      orderBy: [{ term: "asc" }, { id: "asc" }],
      take,
    }),
  );
}

export async function updateTerm(db: Db, scope: Scope, key: Key, input: TermUpdate, ifVersion: IfVersion, now: Date): Promise<Term> {
  checkShared(scope, key.learnerId, input.shared ?? true);
  await checkLearned(db, key.learnerId, input, now);
  const where = whereTerm(scope, key, ifVersion);
  const before = await db.term.findUniqueOrThrow({ where });
  return changesNothing(db, before, input) ? before : db.term.update({ where, data: { ...input, version: { increment: 1 } } });
}

export async function deleteTerm(db: Db, scope: Scope, key: Key, ifVersion: IfVersion): Promise<void> {
  await db.term.delete({ where: whereTerm(scope, key, ifVersion) });
}

/** What today's members of a team share, by term. Sharing names nobody: it shows the words. */
export function listGlossary(db: Db, teamId: string, { q, depth = "subtree", ...page }: GlossaryList, today: Day): Promise<Page<GlossaryEntry>> {
  return readPage(["glossary", teamId, depth, q], page, { text: (entry: Row) => entry.key }, (take, after) => {
    const further = after ? Prisma.sql`AND caseless(t.term) COLLATE "C" > ${after.value}` : Prisma.empty;
    const patterns = patternsOf(q);
    const matching = patterns.length ? Prisma.sql`HAVING bool_or(t.searched LIKE ALL (${patterns}::text[]))` : Prisma.empty;
    return db.$queryRaw<Row[]>`
      -- An MD5 becomes a UUID (RFC 9562, version 3) by its version and variant.
      SELECT overlay(overlay(md5(caseless(t.term)) PLACING '3' FROM 13) PLACING '8' FROM 17)::uuid AS id, caseless(t.term) AS key, pg_catalog.mode() WITHIN GROUP (ORDER BY t.term COLLATE "C") AS term,
             count(DISTINCT t.learner_id)::int AS learners,
             (count(DISTINCT t.learner_id) FILTER (WHERE t.learned_on IS NOT NULL))::int AS "knownBy",
             coalesce((array_agg(t.meaning ORDER BY t.updated_at DESC, t.learner_id, t.id) FILTER (WHERE t.meaning IS NOT NULL))[1:${MOST_MEANINGS}], '{}') AS meanings
      FROM team_closure c
      JOIN memberships m ON m.team_id = c.team_id AND ${holdsOn(Prisma.sql`${today}::date`)}
      JOIN terms t ON t.learner_id = m.learner_id
      WHERE ${teamsOf({ teamId, depth })} AND t.shared ${further}
      GROUP BY caseless(t.term) ${matching}
      ORDER BY caseless(t.term) COLLATE "C" LIMIT ${take}`;
  });
}

/** @throws AppError when the day is still to come */
async function checkLearned(db: Db, learnerId: string, { learnedOn }: TermUpdate, now: Date): Promise<void> {
  if (!learnedOn || learnedOn <= toDate(await todayOf(db, learnerId, now))) return;
  throw invalid("#/learnedOn", "This day is still to come for the learner. Give today, an earlier day, or null while it is not known yet.");
}

function whereTerm(scope: Scope, { learnerId, goalId, id }: Key, ifVersion: IfVersion) {
  return { learnerId_id: { learnerId, id }, goalId, ...sharedWith(scope, learnerId), ...ifVersion };
}
