import { giveKey } from "../api-keys/api-keys.service";
import { operatorsAct, record } from "../audit/audit.service";
import type { Db } from "../database/transaction";
import { dayIn } from "../days";
import type { PrismaClient } from "../generated/prisma/client";
import { type Catalogue, readCatalogue } from "./course-catalogue";
import { coursePath, type Resolution } from "./course-path";
import { demoId } from "./ids";
import { ANALYST, LEAD, learnerId } from "./people";
import { planDemo } from "./plan";
import { storePlan } from "./store";
import { STORY_PATH } from "./story-path";

export type DemoKeys = {
  lead: { id: string; name: string; key: string };
  analyst: { id: string; name: string; key: string };
  /** The team that the lead leads. */
  team: { id: string; name: string };
};

/** The keys, and what went in. */
export type LoadedDemo = DemoKeys & {
  learners: number;
  sessions: number;
  courses: number;
  withoutEstimate: Catalogue["withoutEstimate"];
  coursePath: { id: string; resolutions: Resolution[] };
};

export class DemoRefused extends Error {
  override name = "DemoRefused";
}

/** Long enough for a slow machine: it is all or nothing. */
export const DEMO_TRANSACTION = { maxWait: 600_000, timeout: 3_600_000 };

const LEADS_TEAM = "Product";

/**
 * Loads the sample organisation in one transaction: the caller's if there is one. Everything
 * but the keys follows from the day that `now` is in UTC.
 *
 * @throws DemoRefused on a database that holds anything already
 */
export async function loadDemo(db: Db, now: Date): Promise<LoadedDemo> {
  if ("$connect" in db) return (db as PrismaClient).$transaction((tx) => loadDemo(tx, now), DEMO_TRANSACTION);
  await refuseUnlessEmpty(db);
  const catalogue = await readCatalogue();
  const today = dayIn(now, "UTC");
  const plan = planDemo(catalogue.courses, today);
  const { path, resolutions } = coursePath(catalogue.places);
  await storePlan(db, plan, [path, STORY_PATH], today);
  await record(
    db,
    operatorsAct("loadDemo"),
    "change",
    plan.people.map(({ name }) => learnerId(name)),
  );
  return {
    lead: await keyFor(db, LEAD),
    analyst: await keyFor(db, ANALYST),
    team: { id: demoId("team", LEADS_TEAM), name: LEADS_TEAM },
    learners: plan.people.length,
    sessions: plan.sessions.length,
    courses: catalogue.courses.length,
    withoutEstimate: catalogue.withoutEstimate,
    coursePath: { id: path.id, resolutions },
  };
}

/** Whether the sample organisation may go in. Until the transaction's end nobody else loads it. */
export async function isEmpty(db: Db): Promise<boolean> {
  // Of two loads at once, the second waits here, and then finds the first's learners.
  await db.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('cairn.demo'))`;
  return (await db.learner.count()) + (await db.team.count()) + (await db.resource.count()) === 0;
}

async function refuseUnlessEmpty(db: Db): Promise<void> {
  if (await isEmpty(db)) return;
  throw new DemoRefused("The sample organisation goes only into an empty database, and this one holds learners, teams or resources. Nothing was changed.");
}

async function keyFor(db: Db, name: string): Promise<{ id: string; name: string; key: string }> {
  const id = learnerId(name);
  const { secret } = await giveKey(db, { name: "Sample organisation", role: "learner", learnerId: id });
  return { id, name, key: secret as string };
}
