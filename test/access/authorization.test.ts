import { startApp, type TestApp } from "../setup/app";
import { CALLERS, rows } from "./authorization/table";
import { type Issuer, startIssuer } from "./authorization/token-issuer";
import { WORDS } from "./authorization/world";
import { type Stage, setStage, wrongCells } from "./authorization/wrong-cells";
import { everyOperation } from "./operations";

let api: TestApp;
let issuer: Issuer;
let stage: Stage;
beforeAll(async () => {
  issuer = await startIssuer();
  api = await startApp(issuer.settings);
  stage = await setStage(api, issuer);
});
afterAll(async () => {
  await api.close();
  issuer.close();
});

test("every operation has its row", () => {
  const described = everyOperation.map(({ operationId }) => operationId);
  expect([...new Set(rows.map(({ operationId }) => operationId))].sort()).toEqual(described.sort());
});

describe(`${rows.length} rows for ${CALLERS.length} callers, ${rows.length * CALLERS.length} cells`, () => {
  test.each(rows)("$name", async (row) => {
    expect(await wrongCells(stage, row)).toEqual([]);
  });
});

// Where nobody is shown a word, a cell in which it does not come out says nothing.
test("every word comes out for somebody who may read it, but another's", () => {
  expect(WORDS.filter((word) => !stage.shown.has(word))).toEqual(["outsiderGoal", "outsiderNote"]);
});
