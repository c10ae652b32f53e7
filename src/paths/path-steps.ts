import type { Db } from "../database/transaction";
import { AppError, invalid, quoting } from "../errors";
import type { Mode } from "../generated/prisma/enums";
import type { ByMode } from "../mix";
import { circleIn, criticalPath } from "../prerequisites";
import { resourcesById } from "../resources/resources.service";
import type { PathStep, PathStepCreate } from "./paths.schema";

/**
 * The steps of a draft as they are stored: what a step leaves out is its resource's, or the default.
 *
 * @throws AppError naming a key that comes twice, a prerequisite that is missing, too many of them, a circle, or an unknown resource
 */
export async function completeSteps(db: Db, inputs: PathStepCreate[]): Promise<PathStep[]> {
  const resources = await resourcesById(
    db,
    inputs.map(({ resourceId }) => resourceId),
  );
  const steps = inputs.map((input, index): PathStep => {
    const resource = input.resourceId ? resources.get(input.resourceId) : undefined;
    if (input.resourceId && !resource) {
      const detail = "The resource does not exist. Look it up under /v1/resources.";
      throw new AppError("reference-missing", detail, [{ pointer: `#/steps/${index}/resourceId`, detail }]);
    }
    const { section = null, resourceId = null, required = true, weight = 1, prerequisites = [], otherPrerequisites = [] } = input;
    const { mode = resource?.effectiveMode ?? null, estimatedMinutes = resource?.estimatedMinutes ?? null } = input;
    return { key: input.key, section, title: input.title, resourceId, mode, estimatedMinutes, required, weight, prerequisites, otherPrerequisites };
  });
  checkKeys(steps);
  checkPrerequisites(steps);
  return steps;
}

/** Of a version's steps together, and of a goal's. */
const MOST_PREREQUISITES = 2_500;
// Of a circle: who reads more of it sees no more.
const MOST_NAMED = 10;

/** @throws AppError when a path's or a goal's steps have too many prerequisites, or go in a circle, which it names */
export function checkPrerequisites(steps: { key: string; title: string; prerequisites: string[] }[]): void {
  const count = steps.reduce((sum, { prerequisites }) => sum + prerequisites.length, 0);
  if (count > MOST_PREREQUISITES) {
    const most = `All steps together have at most ${MOST_PREREQUISITES} prerequisites`;
    const advice = "Leave out those that follow from others: what a step's prerequisite waits for, the step waits for, too.";
    throw quoting("too-many-prerequisites", `${most}, and there would be ${count}. ${advice}`, `${most}, and there would be more. ${advice}`);
  }
  const circle = circleIn(steps);
  if (!circle) return;
  const titles = circle.map(({ title }) => `"${title}"`);
  const way = titles.length > MOST_NAMED ? [...titles.slice(0, MOST_NAMED - 1), `${titles.length - MOST_NAMED} more`, titles.at(-1)] : titles;
  throw quoting(
    "prerequisite-circle",
    `Each of these steps waits for the one before it, so none could ever begin: ${way.join(" → ")}. Take one of these prerequisites out.`,
    "Some steps would wait for each other in a circle, so none of them could ever begin. Take one of these prerequisites out.",
  );
}

type Planned = { mode: Mode | null; estimatedMinutes: number | null; required: boolean };

/** What a path or a version says of its steps as a whole. */
export function outline(steps: PathStep[]) {
  const { minutes, steps: chain } = criticalPath(steps);
  return { plannedMinutes: plannedMinutes(steps), criticalPath: { minutes, steps: chain.map(({ key }) => key) }, steps };
}

function plannedMinutes(steps: Planned[]): ByMode {
  const planned: ByMode = { onTheJob: 0, social: 0, formal: 0, unclassified: 0, total: 0 };
  for (const { mode, estimatedMinutes, required } of steps) {
    if (!required || !estimatedMinutes) continue;
    planned[mode ?? "unclassified"] += estimatedMinutes;
    planned.total += estimatedMinutes;
  }
  return planned;
}

function checkKeys(steps: PathStep[]): void {
  const known = new Set<string>();
  steps.forEach(({ key }, index) => {
    if (known.has(key)) throw invalid(`#/steps/${index}/key`, `Another step has the key "${key}" already. Give each step its own.`);
    known.add(key);
  });
  steps.forEach(({ prerequisites }, index) => {
    const place = prerequisites.findIndex((each, at) => !known.has(each) || prerequisites.indexOf(each) !== at);
    if (place < 0) return;
    const wrong = `"${prerequisites[place]}"`;
    const why = known.has(prerequisites[place] as string) ? `${wrong} is named twice` : `no step here has the key ${wrong}`;
    throw invalid(`#/steps/${index}/prerequisites/${place}`, `A prerequisite is another one of these steps, named once: ${why}. Correct it or take it out.`);
  });
}
