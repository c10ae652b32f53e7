import { v7 as uuidv7 } from "uuid";
import { type Act, record } from "../audit/audit.service";
import { type Db, inTransaction } from "../database/transaction";

/** Between the names of teams, from the top down. */
const BELOW = " / ";

/** Levels that a path may have: each is looked up by itself. */
export const MOST_LEVELS = 20;

/** Teams by the names that lead to them; null where several go by the same. */
export type TeamPaths = Map<string, string | null>;

/** Finds the teams that paths of names lead to, and makes those that there are not. */
export async function findOrCreateTeams(db: Db, paths: string[], act: Act): Promise<TeamPaths> {
  const found = await follow(db, paths);
  if (paths.every((path) => found.has(path))) return found;
  return inTransaction(db, async (tx) => {
    // As the tree itself is kept, one at a time: two imports make one team.
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('cairn.team_tree'))`;
    const made: string[] = [];
    const all = await follow(tx, paths, made);
    if (made.length) await record(tx, act, "change", [], made);
    return all;
  });
}

export function namesOf(path: string): string[] {
  return path.split(BELOW).map((name) => name.trim());
}

export function pathOf(names: string[]): string {
  return names.join(BELOW);
}

function placeOf(name: string, parentId: string | null): string {
  return `${parentId} ${name}`;
}

/** @param made makes what is missing, and takes its ids */
async function follow(db: Db, paths: string[], made?: string[]): Promise<TeamPaths> {
  const teams: TeamPaths = new Map();
  const routes = [...new Set(paths)].map((path) => ({ path, names: namesOf(path) }));
  const depth = Math.max(0, ...routes.map(({ names }) => names.length));
  const reached = new Map<string, string | null>();
  const step = (names: string[], level: number) => names.slice(0, level + 1).join(BELOW);
  for (let level = 0; level < depth; level++) {
    const wanted = new Map(routes.filter(({ names }) => level < names.length).map(({ names }) => [step(names, level), names] as const));
    const within = [...wanted].flatMap(([key, names]) => {
      const parentId = level ? reached.get(step(names, level - 1)) : null;
      return parentId === undefined || (level && parentId === null) ? [] : [{ key, name: names[level] as string, parentId }];
    });
    const parents = [...new Set(within.map(({ parentId }) => parentId))];
    const rows = await db.team.findMany({
      where: { name: { in: within.map(({ name }) => name) }, ...(level ? { parentId: { in: parents as string[] } } : { parentId: null }) },
      select: { id: true, name: true, parentId: true },
    });
    const found = new Map<string, string[]>();
    for (const { id, name, parentId } of rows) {
      const place = placeOf(name, parentId);
      found.set(place, [...(found.get(place) ?? []), id].slice(0, 2));
    }
    for (const { key, name, parentId } of within) {
      const [first, second] = found.get(placeOf(name, parentId)) ?? [];
      if (first) reached.set(key, second ? null : first);
      else if (made) {
        const { id } = await db.team.create({ data: { id: uuidv7(), name, parentId } });
        made.push(id);
        reached.set(key, id);
      }
    }
    // Below one of several there is no saying which.
    if (level) for (const [key, names] of wanted) if (reached.get(step(names, level - 1)) === null) reached.set(key, null);
  }
  for (const { path, names } of routes) {
    const team = reached.get(step(names, names.length - 1));
    if (team !== undefined) teams.set(path, team);
  }
  return teams;
}
