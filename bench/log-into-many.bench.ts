import { v7 as uuidv7 } from "uuid";
import { ADMIN_KEY, NAMED } from "./ground";
import { type Asked, http } from "./load";
import { organisation } from "./organisation";
import { learnerId, SESSION, someTime } from "./people";
import { type Bench, inTurns, ratioOf } from "./rounds";

const SIZE = { teams: 1_555, learners: 20_000 };
const WRITERS = 64;

/** Logging into ten million sessions, beside logging into none. */
export const bench: Bench = async (ground) => {
  const large = await ground.service(await organisation(ground, "large", { ...SIZE, sessions: 10_000_000 }), NAMED);
  const empty = await ground.service(await organisation(ground, "empty", { ...SIZE, sessions: 0 }), NAMED);
  const rounds = await inTurns(ground, {
    "into ten million": http(large, WRITERS, () => log(ground.quick)),
    "into none": http(empty, WRITERS, () => log(ground.quick)),
  });
  return {
    rounds,
    ratios: [{ name: "throughput to that into an empty table", ratio: ratioOf(rounds["into ten million"], rounds["into none"]), goal: { atLeast: 0.85 } }],
  };
};

function log(quick: boolean): Asked {
  const learner = learnerId(1 + Math.floor(Math.random() * (quick ? SIZE.learners / 10 : SIZE.learners)));
  return {
    method: "PUT",
    path: `/v1/learners/${learner}/study-sessions/${uuidv7()}`,
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
    body: { startedAt: someTime(), ...SESSION },
  };
}
