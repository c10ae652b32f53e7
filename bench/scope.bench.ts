import { giveKey } from "../src/api-keys/api-keys.service";
import { readConfig } from "../src/config";
import { connect } from "../src/database/connect";
import { type Filled, NAMED } from "./ground";
import { type Asked, http } from "./load";
import { organisation, teamId } from "./organisation";
import { type Bench, inTurns, ratioOf } from "./rounds";

/** A lead's report over 9,331 teams, signed in and held to whom they may see, beside the same without any of that. */
export const bench: Bench = async (ground) => {
  const database = await organisation(ground, "tree", { teams: 9_331, learners: 20_000, sessions: 200_000 });
  const key = await leadsKey(database);
  const asked = (): Asked => ({
    method: "GET",
    path: `/v1/teams/${teamId(1)}/breakdown?from=2026-08-27&to=2026-11-26`,
    headers: { authorization: `Bearer ${key}` },
  });
  const rounds = await inTurns(ground, {
    "a lead's report": http(await ground.service(database, NAMED), 1, asked),
    "the same, open to all": http(await ground.reference("open-report.ts", database), 1, asked),
  });
  return {
    rounds,
    ratios: [
      {
        name: "p50 of a lead's report to the same open to all",
        ratio: ratioOf(rounds["a lead's report"], rounds["the same, open to all"], "p50"),
        goal: { atMost: 1.15 },
      },
    ],
  };
};

/** Of the first learner, who leads the top. */
async function leadsKey({ url, pool }: Filled): Promise<string> {
  const [{ id: learnerId }] = (await pool.query("SELECT id FROM learners ORDER BY id LIMIT 1")).rows;
  await pool.query("UPDATE teams SET lead_id = $1 WHERE id = $2", [learnerId, teamId(1)]);
  const database = await connect(readConfig({ DATABASE_URL: url }));
  const { secret } = await giveKey(database.db, { name: "Lead", role: "learner", learnerId });
  await database.close();
  return secret as string;
}
