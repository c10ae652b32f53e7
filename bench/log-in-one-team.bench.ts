import { NAMED } from "./ground";
import { http } from "./load";
import { logging, PEOPLE, people } from "./people";
import { type Bench, inTurns, ratioOf } from "./rounds";

const WRITERS = 64;

/** The people of one team who all log at once, beside as many out of all teams. */
export const bench: Bench = async (ground) => {
  const service = await ground.service(await people(ground), NAMED);
  const rounds = await inTurns(ground, {
    "in one team": http(service, WRITERS, logging(1, WRITERS)),
    spread: http(service, WRITERS, logging(1, PEOPLE)),
  });
  return { rounds, ratios: [{ name: "throughput to the same writers spread", ratio: ratioOf(rounds["in one team"], rounds.spread), goal: { atLeast: 1 } }] };
};
