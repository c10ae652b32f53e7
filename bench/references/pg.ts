import Fastify from "fastify";
import { Pool } from "pg";
import { COLUMNS, PLAIN } from "../people";

// Fastify with nothing but a named insert of pg's: no sign-in, no checks, no audit.

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
const app = Fastify();

const INSERT = {
  name: "insert",
  text: `INSERT INTO ${PLAIN} (learner_id, id, ${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING *`,
};
const DIGEST = Buffer.alloc(32, 1);

type Body = { startedAt: string; minutes: number; split: { onTheJob: number; social: number; formal: number }; impact: number };

app.get("/livez", async () => ({ status: "ok" }));

app.put<{ Params: { learnerId: string; id: string }; Body: Body }>("/v1/learners/:learnerId/study-sessions/:id", async ({ params, body }, reply) => {
  const { startedAt, minutes, split, impact } = body;
  const day = startedAt.slice(0, 10);
  const values = [params.learnerId, params.id, startedAt, "UTC", day, minutes, split.onTheJob, split.social, split.formal, impact, DIGEST];
  const { rows } = await pool.query({ ...INSERT, values });
  return reply.status(201).send(rows[0]);
});

app.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
