import type { Caller, Scope } from "../access/scope";
import type { Db } from "../database/transaction";
import { addDays, type Day, toDate } from "../days";
import { createGoal } from "../goals/goals.service";
import { createLearner } from "../learners/learners.service";
import { moveLearner } from "../memberships/memberships.service";
import type { PathCreate } from "../paths/paths.schema";
import { createPath, publishVersion } from "../paths/paths.service";
import { createResource } from "../resources/resources.service";
import { type Entry, logSessions } from "../study-sessions/log-sessions";
import { createTeam } from "../teams/teams.service";
import { HISTORY_DAYS } from "./everyday-sessions";
import { demoId } from "./ids";
import { learnerId, type Person } from "./people";
import type { DemoPlan } from "./plan";
import { seeded } from "./random";
import { storeSteps } from "./steps";
import { storeStory } from "./store-story";

/** Who loads: no key that anybody holds. */
export const LOADER: Caller = { role: "admin", id: demoId("learner", "loader"), name: "Sample organisation", signedInBy: "api-key" };

const CHUNK = 500;

/** Stores a plan through the services, as a client would. */
export async function storePlan(db: Db, plan: DemoPlan, paths: (PathCreate & { id: string })[], today: Day): Promise<void> {
  const scope: Scope = { caller: LOADER, today };
  for (const person of plan.people) await storeLearner(db, person);
  for (const { name, parent, lead, target } of plan.teams) {
    await createTeam(db, scope, { id: demoId("team", name), name, parentId: parent && demoId("team", parent), leadId: learnerId(lead), target });
  }
  for (const person of plan.people) await storeMemberships(db, person, today);
  for (const resource of plan.resources) await createResource(db, resource);
  for (const path of paths) {
    await createPath(db, scope, path);
    await publishVersion(db, scope, path.id, 1, {}, toDate(today));
  }
  for (const person of plan.people) {
    for (const { worked: _, ...goal } of person.goals) await createGoal(db, scope, learnerId(person.name), goal, toDate(today));
  }
  const project = plan.story.project.id;
  await storeSteps(
    db,
    plan.people.map((person) => ({ ...person, goals: person.goals.filter(({ id }) => id !== project) })),
    today,
  );
  await storeStory(db, scope, plan.story, today);
  await storeSessions(db, plan.sessions, today);
}

async function storeLearner(db: Db, { name, timeZone, target }: Person): Promise<void> {
  await createLearner(db, { id: learnerId(name), name, email: emailOf(name), timeZone, target }, timeZone);
}

async function storeMemberships(db: Db, person: Person, today: Day): Promise<void> {
  if (!person.team) return;
  const daysAgo = person.joinedDaysAgo ?? HISTORY_DAYS + seeded(`${person.name} joined`).between(0, 900);
  const untilDay = person.leftDaysAgo === undefined ? null : toDate(addDays(today, -person.leftDaysAgo));
  const first = { teamId: demoId("team", person.movedFrom?.team ?? person.team), fromDay: toDate(addDays(today, -daysAgo)), untilDay };
  await moveLearner(db, learnerId(person.name), first, today);
  if (!person.movedFrom) return;
  const second = { teamId: demoId("team", person.team), fromDay: toDate(addDays(today, -person.movedFrom.daysAgo)) };
  await moveLearner(db, learnerId(person.name), second, today);
}

/** @throws AppError with the first session that is refused, so that nothing is left out unseen */
async function storeSessions(db: Db, sessions: Entry<Date>[], today: Day): Promise<void> {
  for (let start = 0; start < sessions.length; start += CHUNK) {
    const chunk = sessions.slice(start, start + CHUNK);
    // Logged as today began: the last of them was over by then.
    const logged = await logSessions(db, { caller: LOADER, today }, chunk, toDate(today));
    const refused = logged.find((outcome) => "error" in outcome);
    if (refused && "error" in refused) throw refused.error;
  }
}

/** "Petra Havlíková" has the address petra.havlikova@example.com. */
function emailOf(name: string): string {
  return `${name.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().replaceAll(" ", ".")}@example.com`;
}
