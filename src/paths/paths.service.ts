import { v7 as uuidv7 } from "uuid";
import { keepsDirectory, type Scope } from "../access/scope";
import { patternsOf } from "../database/search";
import { type Db, inTransaction } from "../database/transaction";
import { changesNothing } from "../database/unchanged";
import { AppError, invalid, notFound } from "../errors";
import { Prisma } from "../generated/prisma/client";
import { type Page, readPage } from "../http/paging";
import type { IfVersion } from "../http/preconditions";
import { completeSteps, outline } from "./path-steps";
import type { Path, PathCreate, PathList, PathStep, PathSummary, PathVersion, PathVersionUpdate } from "./paths.schema";

/** A path begins as the draft of its version 1. */
export function createPath(db: Db, scope: Scope, { id = uuidv7(), steps = [], ...content }: PathCreate): Promise<Path> {
  return inTransaction(db, async (tx) => {
    await tx.path.create({ data: { id } });
    await storeDraft(tx, id, 1, content, await completeSteps(tx, steps));
    return getPath(tx, scope, id);
  });
}

/** A path as its last published version has it, or as its first draft. */
export async function getPath(db: Db, scope: Scope, id: string): Promise<Path> {
  const [summary] = await readSummaries(db, scope, Prisma.sql`p.id = ${id}::uuid`, 1);
  if (!summary) throw notFound();
  const [steps, versions] = await Promise.all([
    readSteps(db, id, summary.number),
    db.pathVersion.findMany({
      where: { pathId: id, ...publishedUnlessKept(scope) },
      select: { number: true, publishedAt: true },
      orderBy: { number: "desc" },
    }),
  ]);
  return { ...summary, ...outline(steps), versions };
}

export function listPaths(db: Db, scope: Scope, { q, skill, archived = false, ...page }: PathList): Promise<Page<PathSummary>> {
  return readPage(["paths", q, skill, archived], page, { text: (path) => path.title }, (take, after) => {
    const conditions = [
      archived ? Prisma.sql`p.archived_at IS NOT NULL` : Prisma.sql`p.archived_at IS NULL`,
      Prisma.sql`searchable(concat_ws(' ', v.title, v.purpose)) LIKE ALL (${patternsOf(q)}::text[])`,
      skill ? Prisma.sql`${skill} = ANY (v.skills)` : Prisma.sql`true`,
      after ? Prisma.sql`(v.title, p.id) > (${after.value}, ${after.id}::uuid)` : Prisma.sql`true`,
    ];
    return readSummaries(db, scope, Prisma.join(conditions, " AND "), take);
  });
}

export async function getVersion(db: Db, scope: Scope, pathId: string, number: number): Promise<PathVersion> {
  const found = await db.pathVersion.findFirst({ where: { pathId, number, ...publishedUnlessKept(scope) }, include: { path: true } });
  if (!found) throw notFound();
  const { path, ...version } = found;
  return { ...version, version: path.version, ...outline(await readSteps(db, pathId, number)) };
}

/**
 * Drafts the next version from the last.
 *
 * @throws AppError when there is a draft already
 */
export function draftVersion(db: Db, scope: Scope, pathId: string): Promise<PathVersion> {
  return changePath(db, pathId, {}, async (tx) => {
    const last = await tx.pathVersion.findFirstOrThrow({ where: { pathId }, orderBy: { number: "desc" } });
    if (!last.publishedAt) throw new AppError("already-exists", `Version ${last.number} is being drafted. Change it, publish it or delete it.`);
    const { title, purpose, skills } = last;
    await storeDraft(tx, pathId, last.number + 1, { title, purpose, skills }, await readSteps(tx, pathId, last.number));
    return getVersion(tx, scope, pathId, last.number + 1);
  });
}

export function updateVersion(
  db: Db,
  scope: Scope,
  pathId: string,
  number: number,
  { steps, ...content }: PathVersionUpdate,
  ifVersion: IfVersion,
): Promise<PathVersion> {
  return inTransaction(db, async (tx) => {
    // Holds the row, so that what is compared stays so.
    await tx.$queryRaw`SELECT 1 FROM paths WHERE id = ${pathId}::uuid FOR UPDATE`;
    const present = await getVersion(tx, scope, pathId, number);
    const isAsked = present.version === (ifVersion.version ?? present.version);
    const completed = steps && (await completeSteps(tx, steps));
    if (!present.publishedAt && isAsked && changesNothing(tx, present, { ...content, steps: completed })) return present;
    return changePath(tx, pathId, ifVersion, async () => {
      // Written even when nothing of it changes, so that the database refuses a published one.
      await tx.pathVersion.update({ where: { pathId_number: { pathId, number } }, data: { ...content, number } });
      if (completed) await storeSteps(tx, pathId, number, completed);
      return getVersion(tx, scope, pathId, number);
    });
  });
}

/** Drops a draft, and with its only version the path. */
export async function deleteVersion(db: Db, pathId: string, number: number, ifVersion: IfVersion): Promise<void> {
  await changePath(db, pathId, ifVersion, async (tx) => {
    await tx.pathVersion.delete({ where: { pathId_number: { pathId, number } } });
    if (!(await tx.pathVersion.count({ where: { pathId } }))) await tx.path.delete({ where: { id: pathId } });
  });
}

/** From then on the version never changes. Again changes nothing. */
export function publishVersion(db: Db, scope: Scope, pathId: string, number: number, ifVersion: IfVersion, now: Date): Promise<PathVersion> {
  return inTransaction(db, async (tx) => {
    // Holds the row, so that of two at once the second finds what the first published.
    await tx.$queryRaw`SELECT 1 FROM paths WHERE id = ${pathId}::uuid FOR UPDATE`;
    const present = await getVersion(tx, scope, pathId, number);
    const isAsked = present.version === (ifVersion.version ?? present.version);
    if (isAsked && changesNothing(tx, { isPublished: present.publishedAt !== null }, { isPublished: true })) return present;
    return changePath(tx, pathId, ifVersion, async () => {
      if (!(await tx.pathStep.count({ where: { pathId, number } })))
        throw invalid("#/steps", "A version without steps cannot be published. Add its steps first.");
      await tx.pathVersion.update({ where: { pathId_number: { pathId, number } }, data: { publishedAt: now } });
      return getVersion(tx, scope, pathId, number);
    });
  });
}

/** An archived path is left out of lists and cannot be adopted; who has adopted it keeps it. Again changes nothing. */
export function setPathArchived(db: Db, scope: Scope, id: string, archivedAt: Date | null, ifVersion: IfVersion): Promise<Path> {
  return inTransaction(db, async (tx) => {
    const current = await tx.path.findUniqueOrThrow({ where: { id, ...ifVersion } });
    if (!changesNothing(tx, { isArchived: current.archivedAt !== null }, { isArchived: archivedAt !== null })) {
      await tx.path.update({ where: { id, ...ifVersion }, data: { archivedAt, version: { increment: 1 } } });
    }
    return getPath(tx, scope, id);
  });
}

/** The steps of a version, in their order. */
export async function readSteps(db: Db, pathId: string, number: number): Promise<PathStep[]> {
  const steps = await db.pathStep.findMany({ where: { pathId, number }, orderBy: { position: "asc" } });
  return steps.map(({ pathId: _, number: __, position: ___, ...step }) => step);
}

/** Holds the path's row, so that its versions change one at a time, and counts the change. */
function changePath<T>(db: Db, id: string, ifVersion: IfVersion, work: (tx: Prisma.TransactionClient) => Promise<T>): Promise<T> {
  return inTransaction(db, async (tx) => {
    await tx.path.update({ where: { id, ...ifVersion }, data: { version: { increment: 1 } } });
    return work(tx);
  });
}

type Content = Pick<PathVersion, "title"> & { purpose?: string | null | undefined; skills?: string[] | undefined };

async function storeDraft(tx: Prisma.TransactionClient, pathId: string, number: number, content: Content, steps: PathStep[]): Promise<void> {
  await tx.pathVersion.create({ data: { pathId, number, ...content } });
  await storeSteps(tx, pathId, number, steps);
}

async function storeSteps(tx: Prisma.TransactionClient, pathId: string, number: number, steps: PathStep[]): Promise<void> {
  await tx.pathStep.deleteMany({ where: { pathId, number } });
  await tx.pathStep.createMany({ data: steps.map((step, position) => ({ pathId, number, position, ...step })) });
}

/** Drafts are for those who keep the catalogue. */
function publishedUnlessKept({ caller }: Scope): Prisma.PathVersionWhereInput {
  return keepsDirectory(caller) ? {} : { publishedAt: { not: null } };
}

function readSummaries(db: Db, { caller }: Scope, condition: Prisma.Sql, take: number): Promise<PathSummary[]> {
  const keeps = keepsDirectory(caller);
  return db.$queryRaw<PathSummary[]>`
    SELECT p.id, v.title, v.purpose, v.skills, v.number,
           (SELECT max(number) FROM path_versions WHERE path_id = p.id AND published_at IS NOT NULL) AS "publishedVersion",
           (SELECT number FROM path_versions WHERE path_id = p.id AND published_at IS NULL AND ${keeps}) AS "draftVersion",
           p.archived_at AS "archivedAt", p.version, p.created_at AS "createdAt", p.updated_at AS "updatedAt"
    FROM paths p
    JOIN LATERAL (
      SELECT * FROM path_versions
      WHERE path_id = p.id AND (published_at IS NOT NULL OR ${keeps})
      ORDER BY published_at IS NULL, number DESC LIMIT 1
    ) v ON true
    WHERE ${condition}
    ORDER BY v.title, p.id LIMIT ${take}`;
}
