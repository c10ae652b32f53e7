import { v7 as uuidv7 } from "uuid";
import { ADMIN_KEY, NAMED } from "./ground";
import { type Asked, http, pgbench } from "./load";
import { COLUMNS, LEARNER_N, learnerId, PEOPLE, PLAIN, people, SESSION, someTime, VALUES } from "./people";
import { type Bench, inTurns, ratioOf } from "./rounds";

const WRITERS = 8;
const SIZE = 100;

/** Batches of a hundred sessions of as many learners, beside statements that write as many rows. */
export const bench: Bench = async (ground) => {
  const database = await people(ground);
  const plain = `\\set first random(1, ${PEOPLE - SIZE})
INSERT INTO ${PLAIN} (learner_id, id, ${COLUMNS})
SELECT ${LEARNER_N.replace(":n", "n")}, gen_random_uuid(), ${VALUES} FROM generate_series((:first)::int, (:first)::int + ${SIZE - 1}) n;`;
  const rounds = await inTurns(ground, {
    cairn: http(await ground.service(database, NAMED), WRITERS, batch),
    pgbench: pgbench(database, WRITERS, plain),
    "Prisma createMany": http(await ground.reference("prisma.ts", database), WRITERS, batch),
  });
  return {
    rounds,
    ratios: [
      { name: "throughput to pgbench's INSERT … SELECT of as many", ratio: ratioOf(rounds.cairn, rounds.pgbench), goal: { atLeast: 0.6 } },
      { name: "throughput to Prisma createMany", ratio: ratioOf(rounds.cairn, rounds["Prisma createMany"]), goal: { atLeast: 10 } },
    ],
  };
};

function batch(): Asked {
  const first = 1 + Math.floor(Math.random() * (PEOPLE - SIZE));
  const startedAt = someTime();
  const items = Array.from({ length: SIZE }, (_, n) => ({ learnerId: learnerId(first + n), id: uuidv7(), startedAt, ...SESSION }));
  return { method: "POST", path: "/v1/study-sessions/batch", headers: { authorization: `Bearer ${ADMIN_KEY}` }, body: { items } };
}
