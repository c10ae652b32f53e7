import { NAMED } from "./ground";
import { http, pgbench } from "./load";
import { COLUMNS, LEARNER_N, logging, PEOPLE, PLAIN, people, VALUES } from "./people";
import { type Bench, inTurns, ratioOf } from "./rounds";

const WRITERS = 64;

/** Logging one session with everything on, beside what writes the same row and does nothing else. */
export const bench: Bench = async (ground) => {
  const database = await people(ground);
  const plain = `\\set n random(1, ${PEOPLE})\nINSERT INTO ${PLAIN} (learner_id, id, ${COLUMNS}) VALUES (${LEARNER_N}, gen_random_uuid(), ${VALUES});`;
  const rounds = await inTurns(ground, {
    cairn: http(await ground.service(database, NAMED), WRITERS, logging(1, PEOPLE)),
    pgbench: pgbench(database, WRITERS, plain),
    "Fastify + pg": http(await ground.reference("pg.ts", database), WRITERS, logging(1, PEOPLE)),
    "Fastify + Prisma": http(await ground.reference("prisma.ts", database), WRITERS, logging(1, PEOPLE)),
  });
  return {
    rounds,
    ratios: [
      { name: "throughput to pgbench's plain inserts", ratio: ratioOf(rounds.cairn, rounds.pgbench), goal: { atLeast: 0.7 } },
      { name: "throughput to Fastify + pg, named insert", ratio: ratioOf(rounds.cairn, rounds["Fastify + pg"]), goal: { atLeast: 1.3 } },
      { name: "p99 to Fastify + pg, named insert", ratio: ratioOf(rounds.cairn, rounds["Fastify + pg"], "p99"), goal: { atMost: 0.7 } },
      { name: "throughput to Fastify + Prisma, create in a transaction", ratio: ratioOf(rounds.cairn, rounds["Fastify + Prisma"]), goal: { atLeast: 12 } },
    ],
  };
};
