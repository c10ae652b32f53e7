import { PrismaPg } from "@prisma/adapter-pg";
import Fastify from "fastify";
import { PrismaClient } from "../../src/generated/prisma/client";

// What a user would write: Fastify and Prisma, without sign-in, checks or audit.

const db = new PrismaClient({ adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL, max: 10 }) });
const app = Fastify({ bodyLimit: 8_388_608 });
const DIGEST = Buffer.alloc(32, 1);

type Body = { startedAt: string; minutes: number; split: { onTheJob: number; social: number; formal: number }; impact: number };

app.get("/livez", async () => ({ status: "ok" }));

app.put<{ Params: { learnerId: string; id: string }; Body: Body }>("/v1/learners/:learnerId/study-sessions/:id", async ({ params, body }, reply) => {
  const data = row(params.learnerId, params.id, body);
  const session = await db.$transaction(
    async (tx) => {
      await tx.learner.findUniqueOrThrow({ where: { id: params.learnerId } });
      return tx.studySession.create({ data });
    },
    { maxWait: 30_000, timeout: 30_000 },
  );
  return reply.status(201).send(session);
});

app.post<{ Body: { items: (Body & { learnerId: string; id: string })[] } }>("/v1/study-sessions/batch", async ({ body }) => {
  const { count } = await db.studySession.createMany({ data: body.items.map(({ learnerId, id, ...session }) => row(learnerId, id, session)) });
  return { created: count };
});

app.get<{ Params: { learnerId: string }; Querystring: { limit: string } }>("/v1/learners/:learnerId/study-sessions", async ({ params, query }) => {
  const where = { learnerId: params.learnerId, deletedAt: null };
  const items = await db.studySession.findMany({ where, orderBy: [{ startedAt: "desc" }, { id: "desc" }], take: Number(query.limit) });
  return { items };
});

app.get<{ Params: { teamId: string }; Querystring: { from: string; to: string } }>("/v1/teams/:teamId/breakdown", async ({ params, query }) => {
  const members = await db.membership.findMany({ where: { team: { ancestors: { some: { ancestorId: params.teamId } } } }, select: { learnerId: true } });
  const days = { gte: new Date(`${query.from}T00:00:00Z`), lt: new Date(`${query.to}T00:00:00Z`) };
  const people = await db.studySession.groupBy({
    by: ["learnerId"],
    where: { learnerId: { in: members.map(({ learnerId }) => learnerId) }, occurredOn: days, deletedAt: null },
    _sum: { minutes: true, onTheJobMinutes: true, socialMinutes: true, formalMinutes: true },
    _count: true,
  });
  return { people };
});

function row(learnerId: string, id: string, { startedAt, minutes, split, impact }: Body) {
  const day = new Date(`${startedAt.slice(0, 10)}T00:00:00Z`);
  const parts = { onTheJobMinutes: split.onTheJob, socialMinutes: split.social, formalMinutes: split.formal };
  return { learnerId, id, startedAt: new Date(startedAt), timeZone: "UTC", occurredOn: day, minutes, ...parts, impact, bodyDigest: DIGEST };
}

app.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
