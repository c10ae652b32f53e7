import type { Db } from "../database/transaction";
import type { Day } from "../days";
import { Prisma } from "../generated/prisma/client";
import { byId, type Page, pastId } from "./page";

const { sql, raw } = Prisma;

/** Whom an erasure is about. */
export type Person = {
  id: string;
  /** What matches the person's name and e-mail address in a text, as a PostgreSQL regular expression; null: there is nothing to look for. */
  named: string | null;
  /** A keyed hash of the person's sign-in subject; null: they had none, or were erased before. */
  tombstone: Buffer<ArrayBuffer> | null;
  /** The day of the erasure, on the organisation's calendar. */
  today: Day;
  now: Date;
};

type ColumnOf<M extends Prisma.ModelName> = keyof Prisma.TypeMap["model"][M]["payload"]["scalars"];

/** What an erasure does with a column of a row that stays: keeps it, empties it, or puts something else there. */
type Fate = "keeps" | "empties" | ((person: Person) => Prisma.Sql);

type Handling<M extends Prisma.ModelName> = {
  table: string;
  /** What a person gets of it in their export, a page at a time; nothing where it is not about a person. */
  exported?(db: Db, learnerId: string, page: Page): Promise<object[]>;
  /** The rows that go, as a condition. */
  goes?(person: Person): Prisma.Sql;
  /** What is changed in rows that are not the person's but refer to them or name them. */
  elsewhere?(person: Person): Prisma.Sql;
} & (
  | {
      /** Every row about the person goes, and every column with it. */
      goes(person: Person): Prisma.Sql;
    }
  | {
      /** The rows that stay although they are about the person, as a condition; absent: there are none. */
      stays?(person: Person): Prisma.Sql;
      columns: Record<ColumnOf<M>, Fate>;
    }
);

export const NOBODY = "Somebody who was erased";

const of = (column: string) => (person: Person) => sql`${raw(column)} = ${person.id}::uuid`;
const ofLearner = of("learner_id");
const nextVersion = () => sql`version + 1`;
const erasedAt = ({ now }: Person) => sql`${now}`;

/** Memberships end with the day of the erasure, or with the last day whose minutes a team still counts: the first day after it. */
const endOfMemberships = ({ id, today }: Person) => sql`
  (SELECT greatest(${today}::date, max(occurred_on)) + 1 FROM study_sessions WHERE learner_id = ${id}::uuid AND deleted_at IS NULL)`;

/** Puts NOBODY in the place of the person's name or e-mail address. */
const withoutName = (column: string, { named }: Person) => sql`coalesce(regexp_replace(${raw(column)}, ${named}, ${NOBODY}, 'gi'), ${raw(column)})`;

/**
 * What an erasure does with each column of each table, and what an export shows of it, in the order
 * of the erasure. A model or a column that is not here does not compile.
 */
export const PERSONAL_DATA: { [M in Prisma.ModelName]: Handling<M> } = {
  IdempotencyKey: {
    table: "idempotency_keys",
    goes: ({ id }) => sql`caller_id IN (SELECT ${id}::uuid UNION ALL SELECT id FROM api_keys WHERE learner_id = ${id}::uuid)`,
    // Answers that were stored for services repeat what was sent of the person. That there was one stays, so that a retry does not do it again.
    elsewhere: ({ id, named }) => sql`
      UPDATE idempotency_keys SET key = 'erased-' || encode(sha256(convert_to(key, 'UTF8')), 'hex'), body = 'null', headers = '{}'
      WHERE caller_id <> ${id}::uuid AND body::text <> 'null' AND (strpos(body::text || headers::text, ${id}) > 0 OR body::text ~* ${named})`,
  },
  Invitation: {
    table: "invitations",
    exported: (db, learnerId, page) => db.invitation.findMany({ where: { learnerId, ...pastId(page) }, omit: { secretHash: true }, ...byId(page) }),
    goes: ofLearner,
  },
  ApiKey: {
    table: "api_keys",
    exported: (db, learnerId, page) => db.apiKey.findMany({ where: { learnerId, ...pastId(page) }, omit: { secretHash: true }, ...byId(page) }),
    goes: ofLearner,
    elsewhere: (person) => sql`
      UPDATE api_keys SET name = ${withoutName("name", person)} WHERE name ~* ${person.named} AND learner_id IS DISTINCT FROM ${person.id}::uuid`,
  },
  Timer: {
    table: "timers",
    exported: (db, learnerId) => db.timer.findMany({ where: { learnerId } }),
    goes: ofLearner,
  },
  Resource: {
    table: "resources",
    exported: (db, learnerId, page) => db.resource.findMany({ where: { learnerId, ...pastId(page) }, ...byId(page) }),
    // A mentor's title is a name. Others learned from it, so it stays for their totals.
    stays: ofLearner,
    columns: {
      id: "keeps",
      type: "keeps",
      title: () => sql`${NOBODY}`,
      // Made of the others by the database.
      searched: "keeps",
      creator: "empties",
      url: "empties",
      description: "empties",
      mode: "keeps",
      skills: () => sql`'{}'`,
      estimatedMinutes: "keeps",
      learnerId: "empties",
      capacityMinutesPerWeek: "empties",
      archivedAt: erasedAt,
      version: nextVersion,
      createdAt: "keeps",
      updatedAt: erasedAt,
    },
    // One that names the person without a link to them.
    elsewhere: (person) => sql`
      UPDATE resources SET title = ${withoutName("title", person)}, creator = ${withoutName("creator", person)},
             description = ${withoutName("description", person)}, url = CASE WHEN NOT url ~* ${person.named} THEN url END,
             updated_at = ${person.now}, version = version + 1
      WHERE type IN ('mentor', 'coach', 'community', 'shadowing') AND learner_id IS DISTINCT FROM ${person.id}::uuid
        AND concat_ws(E'\\n', title, creator, description, url) ~* ${person.named}`,
  },
  StudySession: {
    table: "study_sessions",
    exported: (db, learnerId, page) =>
      db.studySession.findMany({ where: { learnerId, ...pastId(page) }, omit: { bodyDigest: true, openDigest: true }, ...byId(page) }),
    // The day, the minutes, the rating and what was learned from stay: every total is what it was.
    stays: ofLearner,
    columns: {
      learnerId: "keeps",
      id: "keeps",
      startedAt: () => sql`occurred_on`,
      timeZone: () => sql`'UTC'`,
      occurredOn: "keeps",
      minutes: "keeps",
      onTheJobMinutes: "keeps",
      socialMinutes: "keeps",
      formalMinutes: "keeps",
      impact: "keeps",
      goalId: "empties",
      stepId: "empties",
      resourceId: "keeps",
      resourceType: "keeps",
      mentorId: "keeps",
      // A skill that the catalogue knows is a word of the organisation's. Any other is the person's own.
      skills: () => sql`
        ARRAY(SELECT skill FROM unnest(skills) WITH ORDINALITY AS own (skill, place)
              WHERE skill IN (SELECT unnest(skills) FROM resources UNION SELECT unnest(skills) FROM path_versions) ORDER BY place)`,
      verification: "keeps",
      note: "empties",
      noteShared: () => sql`false`,
      bodyDigest: () => sql`'\\x00'`,
      openDigest: "empties",
      version: nextVersion,
      loggedAt: () => sql`occurred_on`,
      updatedAt: erasedAt,
      // The times are gone, and what followed from them stays.
      overlapping: "keeps",
      deletedAt: () => sql`CASE WHEN deleted_at IS NOT NULL THEN occurred_on END`,
    },
  },
  LearnerMonth: {
    table: "learner_months",
    // Made of the sessions alone, by the database: it stays as far as they do.
    exported: async (db, learnerId, { take, after }) => {
      const where = { learnerId, sessions: { gt: 0 }, ...(after && { month: { gt: after.month } }) };
      const months = await db.learnerMonth.findMany({ where, orderBy: { month: "asc" }, take });
      // JSON has no other integers, and these are exact up to 2^53.
      return months.map((month) => Object.fromEntries(Object.entries(month).map(([name, value]) => [name, typeof value === "bigint" ? Number(value) : value])));
    },
    columns: {
      learnerId: "keeps",
      month: "keeps",
      minutes: "keeps",
      onTheJobMinutes: "keeps",
      socialMinutes: "keeps",
      formalMinutes: "keeps",
      selfReportedMinutes: "keeps",
      sessions: "keeps",
      onTheJobSessions: "keeps",
      socialSessions: "keeps",
      formalSessions: "keeps",
      unclassifiedSessions: "keeps",
      rated: "keeps",
      onTheJobRated: "keeps",
      socialRated: "keeps",
      formalRated: "keeps",
      ratings: "keeps",
      onTheJobRatings: "keeps",
      socialRatings: "keeps",
      formalRatings: "keeps",
      firstOn: "keeps",
      lastOn: "keeps",
      latestAt: "keeps",
      overlappingMinutes: "keeps",
    },
  },
  Review: {
    table: "reviews",
    async exported(db, learnerId, page) {
      const where = { OR: [{ learnerId }, { answeredById: learnerId }], ...pastId(page) };
      const reviews = await db.review.findMany({ where, ...byId(page) });
      // Of what they said of others, their own words.
      return reviews.map((review) => {
        const { id, verdict, comment, answeredById, answeredAt } = review;
        return review.learnerId === learnerId ? review : { id, verdict, comment, answeredById, answeredAt };
      });
    },
    goes: ofLearner,
    // What they said of others is the others', without their name. What they were still asked, any lead above may answer.
    elsewhere: (person) => sql`
      UPDATE reviews SET reviewer_id = CASE WHEN verdict IS NOT NULL OR reviewer_id <> ${person.id}::uuid THEN reviewer_id END,
             question = ${withoutName("question", person)}, comment = ${withoutName("comment", person)}, version = version + 1
      WHERE answered_by_id = ${person.id}::uuid OR (reviewer_id = ${person.id}::uuid AND verdict IS NULL)`,
  },
  Evidence: {
    table: "evidence",
    exported: (db, learnerId, page) => db.evidence.findMany({ where: { learnerId, ...pastId(page) }, ...byId(page) }),
    goes: ofLearner,
  },
  Term: {
    table: "terms",
    exported: (db, learnerId, page) => db.term.findMany({ where: { learnerId, ...pastId(page) }, ...byId(page) }),
    goes: ofLearner,
  },
  StepPrerequisite: {
    table: "step_prerequisites",
    exported: (db, learnerId, { take, after }) => {
      const past = after && { OR: [{ stepId: { gt: after.stepId } }, { stepId: after.stepId, requiresId: { gt: after.requiresId } }] };
      return db.stepPrerequisite.findMany({ where: { learnerId, ...past }, orderBy: [{ stepId: "asc" }, { requiresId: "asc" }], take });
    },
    goes: ofLearner,
  },
  Step: {
    table: "steps",
    exported: (db, learnerId, page) => db.step.findMany({ where: { learnerId, ...pastId(page) }, ...byId(page) }),
    goes: ofLearner,
  },
  Goal: {
    table: "goals",
    exported: (db, learnerId, page) => db.goal.findMany({ where: { learnerId, ...pastId(page) }, ...byId(page) }),
    goes: ofLearner,
    // Goals that follow one another could not go at once.
    elsewhere: ({ id }) => sql`
      UPDATE goals SET reviewer_id = nullif(reviewer_id, ${id}::uuid), version = version + 1,
             follows_id = CASE WHEN learner_id <> ${id}::uuid THEN follows_id END
      WHERE reviewer_id = ${id}::uuid OR (learner_id = ${id}::uuid AND follows_id IS NOT NULL)`,
  },
  Team: {
    table: "teams",
    exported: (db, learnerId, page) => db.team.findMany({ where: { leadId: learnerId, ...pastId(page) }, ...byId(page) }),
    stays: of("lead_id"),
    columns: {
      id: "keeps",
      name: (person) => withoutName("name", person),
      // Made of the others by the database.
      searched: "keeps",
      parentId: "keeps",
      leadId: "empties",
      target: "keeps",
      version: nextVersion,
      createdAt: "keeps",
      updatedAt: erasedAt,
    },
    elsewhere: (person) => sql`
      UPDATE teams SET name = ${withoutName("name", person)}, updated_at = ${person.now}, version = version + 1
      WHERE name ~* ${person.named} AND lead_id IS DISTINCT FROM ${person.id}::uuid`,
  },
  Membership: {
    table: "memberships",
    exported: (db, learnerId, page) => db.membership.findMany({ where: { learnerId, ...pastId(page) }, ...byId(page) }),
    // What was stays, of nobody: a report counts each day's minutes for the team of that day.
    goes: (person) => sql`learner_id = ${person.id}::uuid AND from_day >= ${endOfMemberships(person)}`,
    stays: (person) => sql`learner_id = ${person.id}::uuid AND (until_day IS NULL OR until_day > ${endOfMemberships(person)})`,
    columns: { learnerId: "keeps", id: "keeps", teamId: "keeps", fromDay: "keeps", untilDay: endOfMemberships, createdAt: "keeps" },
  },
  Learner: {
    table: "learners",
    // With what is left of records that were merged into theirs.
    exported: (db, learnerId, page) =>
      db.learner.findMany({
        where: { OR: [{ id: learnerId }, { mergedIntoId: learnerId }], ...pastId(page) },
        omit: { erasedSubjectHash: true },
        ...byId(page),
      }),
    stays: of("id"),
    columns: {
      id: "keeps",
      name: () => sql`${NOBODY}`,
      // Made of the others by the database.
      searched: "keeps",
      email: "empties",
      externalId: "empties",
      subject: "empties",
      signInOpen: () => sql`true`,
      credentialsFrom: "empties",
      // So that their next token does not make them known again.
      erasedSubjectHash: ({ tombstone }) => sql`coalesce(${tombstone}, erased_subject_hash)`,
      timeZone: () => sql`'UTC'`,
      target: () => sql`'{}'`,
      version: nextVersion,
      createdAt: "keeps",
      updatedAt: erasedAt,
      lastSeenOn: "empties",
      erasedAt,
      mergedIntoId: "keeps",
      mergedAt: "keeps",
    },
  },
  ChangeReason: {
    table: "change_reasons",
    // Reasons of what concerned this person and nobody else may tell about them without a name.
    goes: ({ id }) => sql`
      request_id IN (SELECT request_id FROM audit_events WHERE learner_ids @> ARRAY[${id}::uuid] GROUP BY request_id HAVING max(cardinality(learner_ids)) = 1)`,
    elsewhere: (person) => sql`UPDATE change_reasons SET reason = ${withoutName("reason", person)} WHERE reason ~* ${person.named}`,
  },
  ClosedMonth: {
    table: "closed_months",
    // Not about a person.
    columns: { month: "keeps", closedAt: "keeps" },
  },
  AuditEvent: {
    table: "audit_events",
    // Who read or changed what of theirs, and what they did; of the others whom an event names, nothing. It holds ids alone, so it stays.
    exported: async (db, learnerId, { take, after }) => {
      const past = after ? { OR: [{ at: { gt: after.at } }, { at: after.at, id: { gt: after.id } }] } : {};
      const merged = await db.learner.findMany({ where: { mergedIntoId: learnerId }, select: { id: true } });
      const ids = [learnerId, ...merged.map(({ id }) => id)];
      const where = { AND: [{ OR: [{ learnerIds: { hasSome: ids } }, { personId: { in: ids } }] }, past] };
      const events = await db.auditEvent.findMany({ where, omit: { learnerIds: true, itemIds: true }, orderBy: [{ at: "asc" }, { id: "asc" }], take });
      return events.map((event) => (isOfAnother(event.target, ids) ? { ...event, target: null } : event));
    },
    columns: {
      at: "keeps",
      id: "keeps",
      requestId: "keeps",
      action: "keeps",
      role: "keeps",
      keyId: "keeps",
      personId: "keeps",
      operation: "keeps",
      target: "keeps",
      fields: "keeps",
      learnerIds: "keeps",
      itemIds: "keeps",
      unnamed: "keeps",
      times: "keeps",
    },
  },
  HashKey: { table: "hash_keys", columns: { purpose: "keeps", key: "keeps" } },
  TeamClosure: { table: "team_closure", columns: { ancestorId: "keeps", teamId: "keeps", depth: "keeps" } },
  TeamParent: { table: "team_parents", columns: { teamId: "keeps", fromDay: "keeps", untilDay: "keeps", parentId: "keeps" } },
  TeamAncestry: { table: "team_ancestry", columns: { ancestorId: "keeps", teamId: "keeps", fromDay: "keeps", untilDay: "keeps", depth: "keeps" } },
  Path: { table: "paths", columns: { id: "keeps", archivedAt: "keeps", version: "keeps", createdAt: "keeps", updatedAt: "keeps" } },
  PathVersion: {
    table: "path_versions",
    columns: { pathId: "keeps", number: "keeps", title: "keeps", purpose: "keeps", skills: "keeps", publishedAt: "keeps", createdAt: "keeps" },
  },
  PathStep: {
    table: "path_steps",
    columns: {
      pathId: "keeps",
      number: "keeps",
      key: "keeps",
      position: "keeps",
      section: "keeps",
      title: "keeps",
      resourceId: "keeps",
      mode: "keeps",
      estimatedMinutes: "keeps",
      required: "keeps",
      weight: "keeps",
      prerequisites: "keeps",
      otherPrerequisites: "keeps",
    },
  },
};

function isOfAnother(target: string, ids: string[]): boolean {
  return target.startsWith("/v1/learners/") && !ids.some((id) => target.includes(id));
}
