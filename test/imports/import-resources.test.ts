import { v7 as uuidv7 } from "uuid";
import { startApp, type TestApp } from "../setup/app";
import { buildKey, buildLearner } from "../setup/factories";
import { importFile, NDJSON } from "./sending";

let api: TestApp;
let key: string;
beforeAll(async () => {
  api = await startApp();
  key = await buildKey(api.db, { role: "service", scopes: ["directory:write"] });
});
afterAll(() => api.close());

const send = (body: string, headers?: Record<string, string>) => importFile(api, key, "resources", body, headers);
const done = (created: number, existing: number, rejected: number) => ({ kind: "done", lines: created + existing + rejected, created, existing, rejected });

test("a file of resources becomes the catalogue's, and sent again changes nothing", async () => {
  const learner = await buildLearner(api.db);
  const [book, mentor] = [uuidv7(), uuidv7()];
  const body = [
    "id,type,title,creator,url,skills,estimatedMinutes,learnerId,mode",
    `${book},book,"Kubernetes, from first principles",A publisher,https://example.com/book,Kubernetes; sql,1200,,on-the-job`,
    `${mentor},mentor,Ada,,,,,${learner.id},`,
  ].join("\n");
  const { last, requestId } = await send(body);
  expect(last).toEqual(done(2, 0, 0));
  expect((await api.admin.get(`/v1/resources/${book}`)).body).toMatchObject({
    type: "book",
    title: "Kubernetes, from first principles",
    creator: "A publisher",
    url: "https://example.com/book",
    skills: ["kubernetes", "sql"],
    estimatedMinutes: 1200,
    effectiveMode: "on-the-job",
    description: null,
  });
  const [event, ...more] = await api.db.auditEvent.findMany({ where: { requestId } });
  expect([event?.action, event?.operation, event?.learnerIds, event?.itemIds.sort(), more]).toEqual([
    "change",
    "importResources",
    [learner.id],
    [book, mentor].sort(),
    [],
  ]);

  const again = await send(body);
  expect(again.last).toEqual(done(0, 2, 0));
  expect(await api.db.auditEvent.count({ where: { requestId: again.requestId } })).toBe(0);
});

test("what is otherwise, or refers to nobody, is rejected by its number", async () => {
  const [id, other] = [uuidv7(), uuidv7()];
  const lines = [
    { id, type: "book", title: "One" },
    { id, type: "book", title: "One" },
    { id, type: "book", title: "Another" },
    { id: other, type: "mentor", title: "Nobody", learnerId: uuidv7() },
    { type: "book", title: "Without an id" },
    { id: other, type: "books", title: "Of no type" },
    { id: other, type: "book", title: "Two" },
  ];
  const { rejected, last } = await send(lines.map((line) => JSON.stringify(line)).join("\n"), NDJSON);
  expect(rejected.map(({ line, problem }) => [line, problem.code, problem.errors?.[0]?.pointer])).toEqual([
    [3, "body-differs", "#/title"],
    [4, "reference-missing", "#/learnerId"],
    [5, "invalid-request", "#/id"],
    [6, "invalid-request", "#/type"],
  ]);
  expect(last).toEqual(done(2, 1, 4));
});

test("the same file at once is stored once", async () => {
  const body = ["id,type,title", ...Array.from({ length: 500 }, (_, n) => `${uuidv7()},article,Article ${n}`)];
  const answers = await Promise.all([body, [...body.slice(0, 1), ...body.slice(1).reverse()]].map((lines) => send(lines.join("\n"))));
  expect(answers.map(({ last }) => last.kind)).toEqual(["done", "done"]);
  expect(answers.reduce((sum, { last }) => sum + (last as { created: number }).created, 0)).toBe(500);
  expect(answers.flatMap(({ rejected }) => rejected)).toEqual([]);
});
