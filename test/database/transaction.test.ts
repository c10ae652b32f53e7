import { inTransaction } from "../../src/database/transaction";
import { startApp, type TestApp } from "../setup/app";
import { buildLearner } from "../setup/factories";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

// The embedded database takes one transaction after the other, so none wait for each other there.
const onServer = process.env.DATABASE_URL ? test : test.skip;

onServer.each(["by Prisma", "by SQL"])("two that lock the same in opposite orders %s both happen, one after the other", async (how) => {
  const [a, b] = [await buildLearner(api.db), await buildLearner(api.db)];
  let locked = 0;
  let tries = 0;
  const bothLocked = async () => {
    for (locked++; locked < 2; ) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const rename = (...ids: string[]) =>
    inTransaction(api.db, async (tx) => {
      tries++;
      for (const [index, id] of ids.entries()) {
        if (index) await bothLocked();
        if (how === "by SQL") await tx.$executeRaw`UPDATE learners SET version = version + 1 WHERE id = ${id}::uuid`;
        else await tx.learner.update({ where: { id }, data: { version: { increment: 1 } } });
      }
    });
  await Promise.all([rename(a.id, b.id), rename(b.id, a.id)]);
  expect(tries).toBe(3);
  expect((await api.db.learner.findMany({ where: { id: { in: [a.id, b.id] } } })).map(({ version }) => version)).toEqual([3, 3]);
});
