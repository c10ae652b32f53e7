import { tombstoneOf } from "../access/subjects";
import type { Db } from "../database/transaction";
import type { Prisma } from "../generated/prisma/client";

type Handling = {
  /** What a person gets of it; none where it is not about a person. */
  exported?(db: Db, learnerId: string): Promise<object[]>;
  /** Takes rows away. @returns how many */
  erased?(tx: Prisma.TransactionClient, learnerId: string): Promise<number>;
  /** Leaves rows that count, without anything that says whose they are. @returns how many */
  anonymised?(tx: Prisma.TransactionClient, learnerId: string, now: Date): Promise<number>;
};

const NOBODY = "Somebody who was erased";

/**
 * How each model is exported and erased, in the order of the erasure. A model that is not here
 * does not compile; one that says nothing holds nothing about a person.
 */
export const PERSONAL_DATA: Record<Prisma.ModelName, Handling> = {
  IdempotencyKey: {
    // Stored answers repeat what was sent, also to services that acted for the person.
    erased: (tx, learnerId) => tx.$executeRaw`
      DELETE FROM idempotency_keys
      WHERE caller_id IN (SELECT ${learnerId}::uuid UNION ALL SELECT id FROM api_keys WHERE learner_id = ${learnerId}::uuid)
         OR strpos(body::text || headers::text, ${learnerId}) > 0`,
  },
  Invitation: {
    exported: (db, learnerId) => db.invitation.findMany({ where: { learnerId }, omit: { secretHash: true } }),
    erased: async (tx, learnerId) => (await tx.invitation.deleteMany({ where: { learnerId } })).count,
  },
  ApiKey: {
    exported: (db, learnerId) => db.apiKey.findMany({ where: { learnerId }, omit: { secretHash: true } }),
    erased: async (tx, learnerId) => (await tx.apiKey.deleteMany({ where: { learnerId } })).count,
  },
  Timer: {
    exported: (db, learnerId) => db.timer.findMany({ where: { learnerId } }),
    erased: async (tx, learnerId) => (await tx.timer.deleteMany({ where: { learnerId } })).count,
  },
  StudySession: {
    exported: (db, learnerId) => db.studySession.findMany({ where: { learnerId }, omit: { bodyDigest: true }, orderBy: { startedAt: "asc" } }),
    // The day, the minutes, the rating and what was learned from stay: every total is what it was.
    anonymised: (tx, learnerId, now) => tx.$executeRaw`
      UPDATE study_sessions
      SET goal_id = NULL, step_id = NULL, note = NULL, note_shared = false, time_zone = 'UTC', started_at = occurred_on, logged_at = occurred_on,
          body_digest = '\\x00', updated_at = ${now}, version = version + 1
      WHERE learner_id = ${learnerId}::uuid`,
  },
  LearnerMonth: {
    // Made of the sessions alone: it stays as far as they do.
    exported: (db, learnerId) => db.learnerMonth.findMany({ where: { learnerId, sessions: { gt: 0 } }, orderBy: { month: "asc" } }),
  },
  Review: {
    exported: async (db, learnerId) => [
      ...(await db.review.findMany({ where: { learnerId } })),
      // Of what they said of others, their own words.
      ...(await db.review.findMany({
        where: { answeredById: learnerId, learnerId: { not: learnerId } },
        select: { id: true, verdict: true, comment: true, answeredById: true, answeredAt: true },
      })),
    ],
    erased: async (tx, learnerId) => (await tx.review.deleteMany({ where: { learnerId } })).count,
    // What they said of others is the others'.
  },
  Evidence: {
    exported: (db, learnerId) => db.evidence.findMany({ where: { learnerId } }),
    erased: async (tx, learnerId) => (await tx.evidence.deleteMany({ where: { learnerId } })).count,
  },
  Term: {
    exported: (db, learnerId) => db.term.findMany({ where: { learnerId } }),
    erased: async (tx, learnerId) => (await tx.term.deleteMany({ where: { learnerId } })).count,
  },
  StepPrerequisite: {
    exported: (db, learnerId) => db.stepPrerequisite.findMany({ where: { learnerId } }),
    erased: async (tx, learnerId) => (await tx.stepPrerequisite.deleteMany({ where: { learnerId } })).count,
  },
  Step: {
    exported: (db, learnerId) => db.step.findMany({ where: { learnerId } }),
    erased: async (tx, learnerId) => (await tx.step.deleteMany({ where: { learnerId } })).count,
  },
  Goal: {
    exported: (db, learnerId) => db.goal.findMany({ where: { learnerId } }),
    async erased(tx, learnerId) {
      await tx.goal.updateMany({ where: { reviewerId: learnerId }, data: { reviewerId: null } });
      await tx.goal.updateMany({ where: { learnerId }, data: { followsId: null } });
      return (await tx.goal.deleteMany({ where: { learnerId } })).count;
    },
  },
  Resource: {
    exported: (db, learnerId) => db.resource.findMany({ where: { learnerId } }),
    // A mentor's title is a name. Others learned from it, so it stays for their totals.
    anonymised: async (tx, learnerId, now) =>
      (
        await tx.resource.updateMany({
          where: { learnerId },
          data: { title: NOBODY, creator: null, url: null, description: null, learnerId: null, archivedAt: now, version: { increment: 1 } },
        })
      ).count,
  },
  Team: {
    exported: (db, learnerId) => db.team.findMany({ where: { leadId: learnerId } }),
    anonymised: async (tx, learnerId) => (await tx.team.updateMany({ where: { leadId: learnerId }, data: { leadId: null, version: { increment: 1 } } })).count,
  },
  Membership: {
    // Stays as it is, of nobody: a report counts each day's minutes for the team of that day.
    exported: (db, learnerId) => db.membership.findMany({ where: { learnerId } }),
  },
  Learner: {
    exported: (db, learnerId) => db.learner.findMany({ where: { id: learnerId }, omit: { erasedSubjectHash: true } }),
    async anonymised(tx, id, now) {
      const { subject } = await tx.learner.findUniqueOrThrow({ where: { id } });
      const tombstone = await tombstoneOf(tx, subject);
      const nobody = { name: NOBODY, email: null, externalId: null, subject: null, timeZone: "UTC", lastSeenOn: null, credentialsFrom: null, erasedAt: now };
      const { count } = await tx.learner.updateMany({
        where: { id },
        data: { ...nobody, ...(tombstone && { erasedSubjectHash: tombstone }), version: { increment: 1 } },
      });
      return count;
    },
  },
  AuditEvent: {
    // Who read or changed what of theirs, and what they did; of the others whom an event names, nothing. It holds ids alone, so it stays.
    exported: async (db, learnerId) => {
      const where = { OR: [{ learnerIds: { has: learnerId } }, { personId: learnerId }] };
      const events = await db.auditEvent.findMany({ where, omit: { learnerIds: true, itemIds: true }, orderBy: { at: "asc" } });
      return events.map((event) => (isOfAnother(event.target, learnerId) ? { ...event, target: null } : event));
    },
  },
  TeamClosure: {},
  HashKey: {},
  Path: {},
  PathVersion: {},
  PathStep: {},
};

function isOfAnother(target: string, learnerId: string): boolean {
  return target.startsWith("/v1/learners/") && !target.includes(learnerId);
}
