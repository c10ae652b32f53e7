import { v7 as uuidv7 } from "uuid";
import type { Involved } from "../audit/changes";
import { containsAllWords } from "../database/search";
import type { Db } from "../database/transaction";
import { changesNothing } from "../database/unchanged";
import type { TellsNull } from "../digest";
import type { Prisma } from "../generated/prisma/client";
import type { Mode, ResourceType } from "../generated/prisma/enums";
import { beyond, type Page, readPage } from "../http/paging";
import type { IfVersion } from "../http/preconditions";
import { MODE_OF_TYPE } from "../mix";
import type { Resource, ResourceCreate, ResourceList, ResourceUpdate } from "./resources.schema";

/** The mode of what is learned from a resource: its own, or its type's. */
export function effectiveMode({ mode, type }: { mode: Mode | null; type: ResourceType }): Mode | null {
  return mode ?? MODE_OF_TYPE[type];
}

/** Of a step with a resource, a mode or an estimate that is left out is the resource's. */
export const overResource: TellsNull = ({ resourceId }) => (resourceId ? ["mode", "estimatedMinutes"] : []);

/** The resources with these ids that there are, by id. */
export async function resourcesById(db: Db, ids: (string | null | undefined)[]): Promise<Map<string, Resource>> {
  const known = [...new Set(ids.filter((id) => id != null))];
  const resources = known.length ? await db.resource.findMany({ where: { id: { in: known } } }) : [];
  return new Map(resources.map((resource) => [resource.id, present(resource)]));
}

export async function createResource(db: Db, input: ResourceCreate): Promise<Resource> {
  return present(await db.resource.create({ data: { id: uuidv7(), ...input } }));
}

export async function getResource(db: Db, id: string): Promise<Resource> {
  return present(await db.resource.findUniqueOrThrow({ where: { id } }));
}

export function listResources(db: Db, { q, type, mode, skill, learner, archived = false, ...page }: ResourceList): Promise<Page<Resource>> {
  const filter: Prisma.ResourceWhereInput = {
    archivedAt: archived ? { not: null } : null,
    ...(type && { type }),
    ...(skill && { skills: { has: skill } }),
    ...(learner && { learnerId: learner }),
    ...(mode && { OR: [{ mode }, { mode: null, type: { in: typesOf(mode) } }] }),
  };
  return readPage(["resources", q, filter], page, { text: (resource) => resource.title }, async (take, after) => {
    const resources = await db.resource.findMany({
      where: { AND: [filter, ...containsAllWords(q), beyond("title", "asc", after)] },
      orderBy: [{ title: "asc" }, { id: "asc" }],
      take,
    });
    return resources.map(present);
  });
}

/** What was logged from it before stays as it was logged. */
export async function updateResource(db: Db, id: string, input: ResourceUpdate, ifVersion: IfVersion): Promise<Resource> {
  const where = { id, ...ifVersion };
  const before = await db.resource.findUniqueOrThrow({ where });
  if (changesNothing(db, before, input)) return present(before);
  return present(await db.resource.update({ where, data: { ...input, version: { increment: 1 } } }));
}

/** An archived resource is left out of lists, and keeps its history. */
export function archiveResource(db: Db, id: string, now: Date, ifVersion: IfVersion): Promise<Resource> {
  return setArchived(db, id, now, ifVersion);
}

export function restoreResource(db: Db, id: string, ifVersion: IfVersion): Promise<Resource> {
  return setArchived(db, id, null, ifVersion);
}

/** Whom a resource concerns: the learner who is the mentor. */
export async function involvedInResource(db: Db, id: string): Promise<Involved> {
  const [resource] = await db.$queryRaw<{ learnerId: string | null }[]>`
    SELECT learner_id AS "learnerId" FROM resources WHERE id = ${id}::uuid FOR NO KEY UPDATE`;
  return { learnerIds: [resource?.learnerId] };
}

/** Again changes nothing. */
async function setArchived(db: Db, id: string, archivedAt: Date | null, ifVersion: IfVersion): Promise<Resource> {
  const current = await db.resource.findUniqueOrThrow({ where: { id, ...ifVersion } });
  if (changesNothing(db, { isArchived: current.archivedAt !== null }, { isArchived: archivedAt !== null })) return present(current);
  return present(await db.resource.update({ where: { id, ...ifVersion }, data: { archivedAt, version: { increment: 1 } } }));
}

function present<T extends { mode: Mode | null; type: ResourceType }>(resource: T) {
  return { ...resource, effectiveMode: effectiveMode(resource) };
}

function typesOf(mode: Mode): ResourceType[] {
  return (Object.keys(MODE_OF_TYPE) as ResourceType[]).filter((type) => MODE_OF_TYPE[type] === mode);
}
