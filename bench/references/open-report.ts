import Fastify from "fastify";
import { v7 as uuidv7 } from "uuid";
import { readConfig } from "../../src/config";
import { connect } from "../../src/database/connect";
import { dayIn } from "../../src/days";
import { getTeamBreakdown } from "../../src/reports/breakdown.service";

// A team's report as the service makes it, without sign-in, guards and audit, of everybody.

async function main(): Promise<void> {
  const config = readConfig();
  const { db } = await connect(config);
  const app = Fastify();
  const scope = { caller: { id: uuidv7(), name: "anybody", role: "admin", signedInBy: "api-key" } as const, today: dayIn(new Date(), "UTC") };

  app.get("/livez", async () => ({ status: "ok" }));
  app.get<{ Params: { teamId: string }; Querystring: { from: string; to: string } }>("/v1/teams/:teamId/breakdown", ({ params, query, signal }) =>
    getTeamBreakdown({ db, reportsDb: db }, config, scope, params.teamId, query, signal),
  );
  await app.listen({ host: "127.0.0.1", port: config.PORT });
}

main();
