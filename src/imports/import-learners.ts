import { v7 as uuidv7 } from "uuid";
import { z } from "zod";
import { onDay, type Scope } from "../access/scope";
import { type Act, record } from "../audit/audit.service";
import { recordChange } from "../audit/changes";
import { type Db, inTransaction } from "../database/transaction";
import { constraintProblem } from "../database/violations";
import { toDay } from "../days";
import { AppError, learnerErased, learnerMerged } from "../errors";
import type { Learner } from "../generated/prisma/client";
import { CalendarDay, Id, prose, text } from "../http/schema";
import { LearnerCreate } from "../learners/learners.schema";
import { involvedInMembership, moveLearner } from "../memberships/memberships.service";
import type { Door, Outcome } from "./import";
import { answerKnown } from "./known";
import { findOrCreateTeams, MOST_LEVELS, namesOf, pathOf, type TeamPaths } from "./team-paths";

const TeamName = text(200);
const TeamPath = prose(2_000)
  .refine((path) => namesOf(path).every((name) => TeamName.safeParse(name).success), "A team's name is empty, too long, or not one line of text.")
  .overwrite((path) => pathOf(namesOf(path).map((name) => TeamName.safeParse(name).data ?? name)))
  .refine((path) => namesOf(path).length <= MOST_LEVELS, `Must be at most ${MOST_LEVELS} teams, one below the other.`);

const LearnerLine = z
  .strictObject({ ...LearnerCreate.shape, team: TeamPath.optional(), teamId: Id.optional(), fromDay: CalendarDay.optional() })
  .refine(({ id, externalId }) => id || externalId, { path: ["externalId"], message: "Give an id or an externalId, by which the learner is known again." })
  .refine(({ team, teamId }) => !team || !teamId, { path: ["teamId"], message: "Give team or teamId, not both." })
  .refine(({ team, teamId, fromDay }) => !(team || teamId) === !fromDay, { path: ["fromDay"], message: "A team and the day from which on go together." })
  .meta({
    id: "LearnerLine",
    examples: [{ externalId: "E-1042", name: "Ada Example", email: "ada@example.com", team: "Product / Analytics", fromDay: "2026-12-01" }],
  });
type LearnerLine = z.output<typeof LearnerLine>;

type Settled = { outcome: Outcome; learnerId?: string };

/** @param timeZone the organisation's, for a learner who brings none */
export function learnerDoor(db: Db, scope: Scope, timeZone: string, act: Act): Door<typeof LearnerLine> {
  return {
    item: LearnerLine,
    async store(items) {
      const teamOf = await findTeams(db, items, act);
      const settled = await inTransaction(db, (tx) => storeLearners(tx, items, teamOf, timeZone, act));
      await moveKnown(db, scope, items, settled, teamOf, act);
      return settled.map(({ outcome }) => outcome);
    },
  };
}

type TeamOf = (item: LearnerLine) => string | null | AppError;

/** The team that a line names; null: none. */
async function findTeams(db: Db, items: LearnerLine[], act: Act): Promise<TeamOf> {
  const paths: TeamPaths = await findOrCreateTeams(db, [...new Set(items.flatMap(({ team }) => team ?? []))], act);
  const ids = new Set(
    (await db.team.findMany({ where: { id: { in: items.flatMap(({ teamId }) => teamId ?? []) } }, select: { id: true } })).map(({ id }) => id),
  );
  return ({ team, teamId }) => {
    if (teamId) return ids.has(teamId) ? teamId : missing("#/teamId", "The team does not exist. Create it first.");
    if (!team) return null;
    return paths.get(team) ?? missing("#/team", "Several teams go by these names. Give the teamId of the one that is meant.");
  };
}

async function storeLearners(tx: Db, items: LearnerLine[], teamOf: TeamOf, timeZone: string, act: Act): Promise<Settled[]> {
  // One at a time, so that of two imports the second finds whom the first brought.
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('cairn.import_learners'))`;
  const known = await findKnown(tx, items);
  const fresh: (Pick<Learner, "id" | "name" | "email" | "externalId" | "timeZone" | "target"> & { item: LearnerLine })[] = [];
  const settled = items.map((item): Settled => {
    const { team: _, teamId: __, fromDay: ___, ...profile } = item;
    const teamId = teamOf(item);
    if (teamId instanceof AppError) return { outcome: { error: teamId } };
    const there = known.find(profile);
    if (there instanceof AppError) return { outcome: { error: there } };
    if (there?.mergedIntoId) return { outcome: { error: learnerMerged(there.mergedIntoId) } };
    if (there?.erasedAt) return { outcome: { error: learnerErased() } };
    if (there) return { outcome: answerKnown(there, profile), learnerId: there.id };
    const row = { email: null, externalId: null, target: [], ...profile, id: profile.id ?? uuidv7(), timeZone: profile.timeZone ?? timeZone };
    known.add(row);
    fresh.push({ ...row, item });
    return { outcome: { created: true } };
  });
  if (!fresh.length) return settled;
  await tx.learner.createMany({ data: fresh.map(({ item: _, ...row }) => row) });
  const stays = fresh.flatMap(({ id, item }) => (item.fromDay ? [{ learnerId: id, id: uuidv7(), teamId: teamOf(item) as string, fromDay: item.fromDay }] : []));
  await tx.membership.createMany({ data: stays });
  const ids = fresh.map(({ id }) => id);
  await record(tx, act, "change", ids, ids);
  return settled;
}

type Identity = Pick<Learner, "id" | "email" | "externalId"> & { erasedAt?: Date | null; mergedIntoId?: string | null };
type Known = {
  find(said: { id?: string | undefined; email?: string | null | undefined; externalId?: string | null | undefined }): Identity | AppError | undefined;
  add(learner: Identity): void;
};

/** The learners whom lines name, by what tells them apart. */
async function findKnown(tx: Db, items: LearnerLine[]): Promise<Known> {
  const all = <K extends "id" | "email" | "externalId">(field: K) => items.flatMap((item) => item[field] ?? []);
  const rows = await tx.learner.findMany({
    where: { OR: [{ id: { in: all("id") } }, { externalId: { in: all("externalId") } }, { email: { in: all("email") } }] },
  });
  const by = { id: new Map<string, Identity>(), externalId: new Map<string, Identity>(), email: new Map<string, Identity>() };
  const add = (learner: Identity) => {
    by.id.set(learner.id, learner);
    if (learner.externalId) by.externalId.set(learner.externalId, learner);
    if (learner.email) by.email.set(learner.email, learner);
  };
  for (const row of rows) add(row);
  return {
    add,
    find({ id = "", externalId, email }) {
      const [named, called, addressed] = [by.id.get(id), by.externalId.get(externalId ?? ""), by.email.get(email ?? "")];
      const there = named ?? (id ? undefined : called);
      for (const [field, other] of Object.entries({ externalId: called, email: addressed })) {
        if (other?.mergedIntoId && other !== there) return learnerMerged(other.mergedIntoId, `#/${field}`);
      }
      if (called && called !== there) return taken("#/externalId", "A learner with this externalId exists. Change that learner instead.");
      if (addressed && addressed !== there) return taken("#/email", "A learner with this e-mail address exists. Change that learner instead.");
      return there;
    },
  };
}

/** Of those who were here already, whoever is not in the line's team on its day is moved, each by themself. */
async function moveKnown(db: Db, scope: Scope, items: LearnerLine[], settled: Settled[], teamOf: TeamOf, act: Act): Promise<void> {
  for (const [index, item] of items.entries()) {
    const { outcome, learnerId } = settled[index] as Settled;
    const { fromDay } = item;
    if (!learnerId || !fromDay || "error" in outcome) continue;
    const teamId = teamOf(item) as string;
    if (await db.membership.count({ where: { learnerId, teamId, ...onDay(toDay(fromDay)) } })) continue;
    try {
      await inTransaction(db, async (tx) => {
        const before = await involvedInMembership(tx, learnerId, scope.today);
        await moveLearner(tx, learnerId, { teamId, fromDay }, scope.today);
        await recordChange(tx, act, [before, await involvedInMembership(tx, learnerId, scope.today)]);
      });
    } catch (error) {
      const problem = error instanceof AppError ? error : constraintProblem(error);
      if (!problem) throw error;
      (settled[index] as Settled).outcome = { error: problem };
    }
  }
}

function missing(pointer: string, detail: string): AppError {
  return new AppError("reference-missing", detail, [{ pointer, detail }]);
}

function taken(pointer: string, detail: string): AppError {
  return new AppError("already-exists", detail, [{ pointer, detail }]);
}
