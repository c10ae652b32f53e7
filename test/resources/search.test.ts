import { startApp, type TestApp } from "../setup/app";
import { buildResource } from "../setup/factories";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
  const { db } = api;
  await buildResource(db, { title: "SQL at 100%", type: "book", skills: ["sql", "databases"], creator: "O'Reilly" });
  await buildResource(db, { title: "SQL at 1000 rows", type: "course", skills: ["sql"], description: 'Says "Hello"\nand \\n too' });
  await buildResource(db, { title: "snake_case or snakeXcase", type: "project", skills: ["python 🐍"], mode: "formal" });
  await buildResource(db, { title: "snakeXcase alone", type: "mentor", skills: ["python"] });
  await buildResource(db, { title: "Whatever", type: "other" });
  await buildResource(db, { title: "Whatever on the job", type: "other", mode: "onTheJob" });
  await buildResource(db, { title: "Whatever archived", type: "other", mode: "onTheJob", archivedAt: new Date() });
});
afterAll(() => api.close());

const titles = async (query: Record<string, string>) => {
  const { body } = await api.admin.get(`/v1/resources?${new URLSearchParams(query)}`);
  return body.items.map(({ title }: { title: string }) => title);
};

test.each([
  ["sql", ["SQL at 1000 rows", "SQL at 100%"]],
  ["  rows   SQL ", ["SQL at 1000 rows"]],
  ["sql snake", []],
  ["100%", ["SQL at 100%"]],
  ["%", ["SQL at 100%"]],
  ["snake_case", ["snake_case or snakeXcase"]],
  ["_", ["snake_case or snakeXcase"]],
  ["o'reilly sql", ["SQL at 100%"]],
  ['"hello"', ["SQL at 1000 rows"]],
  ["\\n", ["SQL at 1000 rows"]],
  ["\\", ["SQL at 1000 rows"]],
  ["🐍", []],
])("the words %j find %j", async (q, found) => {
  expect((await titles({ q })).sort()).toEqual([...found].sort());
});

test.each([
  [{ type: "other" }, ["Whatever", "Whatever on the job"]],
  [{ mode: "formal" }, ["SQL at 1000 rows", "SQL at 100%", "snake_case or snakeXcase"]],
  [{ mode: "social" }, ["snakeXcase alone"]],
  [{ mode: "on-the-job" }, ["Whatever on the job"]],
  [{ mode: "on-the-job", archived: "true" }, ["Whatever archived"]],
  [{ skill: "sql" }, ["SQL at 1000 rows", "SQL at 100%"]],
  [{ skill: "SQL" }, ["SQL at 1000 rows", "SQL at 100%"]],
  [{ skill: "sq" }, []],
  [{ skill: "python 🐍" }, ["snake_case or snakeXcase"]],
  [{ skill: "sql", type: "book", mode: "formal", q: "sql" }, ["SQL at 100%"]],
  [{ type: "project", mode: "on-the-job" }, []],
])("the filters %j find %j", async (query, found) => {
  expect((await titles(query)).sort()).toEqual([...found].sort());
});

test.each(["type=scroll", "mode=onTheJob", "mode=none", "skill=none", "learner=ada", "archived=yes", "archived=", "q="])("%s is refused", async (query) => {
  const refused = await api.admin.get(`/v1/resources?${query}`);
  expect(refused).toMatchObject({ status: 400, body: { errors: [{ pointer: `query/${query.split("=")[0]}` }] } });
});
