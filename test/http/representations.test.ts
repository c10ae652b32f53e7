import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { z } from "zod";
import { Prisma } from "../../src/generated/prisma/client";
import { csvColumns, toCsv } from "../../src/http/csv";
import { guarded } from "../../src/study-sessions/written";
import { everyOperation, fill } from "../access/operations";
import { type Client, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildLearner, buildLedLearner, buildPath, buildSession, buildTeam, keyOf } from "../setup/factories";

let api: TestApp;
let path: string;
beforeAll(async () => {
  api = await startApp();
  const learner = await buildLearner(api.db);
  const { id } = await buildSession(api.db, { learnerId: learner.id });
  path = `/v1/learners/${learner.id}/study-sessions/${id}`;
});
afterAll(() => api.close());

describe("ETags", () => {
  test("what the caller has already is not sent again", async () => {
    const { headers } = await api.admin.get(path);
    const { status, text, headers: unchanged } = await api.admin.get(path, { "If-None-Match": headers.etag as string });
    expect([status, text, unchanged.etag, unchanged["content-type"]]).toEqual([304, "", headers.etag, undefined]);
  });

  test.each(['"7", ETAG', 'ETAG,"7"', "W/ETAG", "*"])("%s holds what is there", async (tags) => {
    const { etag } = (await api.admin.get(path)).headers as { etag: string };
    expect((await api.admin.get(path, { "If-None-Match": tags.replace("ETAG", etag) })).status).toBe(304);
  });

  test.each(['"2"', "1", '"11"'])("%s holds another", async (tags) => {
    expect((await api.admin.get(path, { "If-None-Match": tags })).status).toBe(200);
  });

  test("another form of the same version is another answer, by whose tag the version may be changed, too", async () => {
    const { id } = await buildPath(api.db);
    const [json, drawn] = [{ Accept: "application/json" }, { Accept: "text/vnd.mermaid" }];
    const tagOf = async (form: Record<string, string>) => (await api.admin.get(`/v1/paths/${id}`, form)).headers.etag as string;
    const [written, drawing] = [await tagOf(json), await tagOf(drawn)];
    expect(drawing).not.toBe(written);
    const known = async (form: Record<string, string>, tag: string) => {
      const { status, headers } = await api.admin.get(`/v1/paths/${id}`, { ...form, "If-None-Match": tag });
      return [status, headers.vary];
    };
    expect([await known(json, written), await known(drawn, drawing), await known(json, drawing), await known(drawn, written)]).toEqual([
      [304, "Accept"],
      [304, "Accept"],
      [200, "Accept"],
      [200, "Accept"],
    ]);
    expect((await api.admin.put(`/v1/paths/${id}/archival`, undefined, { "If-Match": drawing })).status).toBe(200);
    expect((await api.admin.delete(`/v1/paths/${id}/archival`, { "If-Match": written })).status).toBe(412);
    expect((await api.admin.delete(`/v1/paths/${id}/archival`, { "If-Match": await tagOf(json) })).status).toBe(200);
  });

  const inSeveralForms = everyOperation.filter(({ method, forms }) => method === "get" && forms.length > 1);
  test("there are answers in several forms", () => expect(inSeveralForms.length).toBeGreaterThan(20));

  test.each(inSeveralForms.map(({ path, forms }) => [path, forms] as const))("no two forms of %s have the same tag", async (template, forms) => {
    const goal = await buildGoal(api.db);
    const ids: Record<string, string> = {
      learnerId: goal.learnerId,
      goalId: goal.id,
      teamId: (await buildTeam(api.db)).id,
      pathId: (await buildPath(api.db, [{ key: "only" }])).id,
      number: "1",
    };
    const target = fill(template, (parameter) => ids[parameter] as string);
    const answers = await Promise.all(forms.map((form) => api.admin.get(target, { Accept: form })));
    expect(answers.map(({ status, type }) => [status, type])).toEqual(forms.map((form) => [200, form]));
    const tags = answers.flatMap(({ headers }) => headers.etag ?? []);
    expect(new Set(tags).size).toBe(tags.length);
    for (const tag of tags) {
      const again = await Promise.all(forms.map((form) => api.admin.get(target, { Accept: form, "If-None-Match": tag })));
      expect(again.map(({ status }) => status)).toEqual(answers.map(({ headers }) => (headers.etag === tag ? 304 : 200)));
    }
  });

  test("a session whose note one of two callers may read has a tag for each of them", async () => {
    const { lead, learner } = await buildLedLearner(api.db);
    const { id } = await buildSession(api.db, { learnerId: learner.id, note: "Mine" });
    const [own, above] = [api.as(await keyOf(api.db, learner.id)), api.as(await keyOf(api.db, lead.id))];
    await expectOwnTags(`/v1/learners/${learner.id}/study-sessions/${id}`, own, above);
  });

  test("a path with a draft that one of two callers may see has a tag for each of them", async () => {
    const { id } = await buildPath(api.db, [{ key: "only" }]);
    expect((await api.admin.post(`/v1/paths/${id}/versions`)).status).toBe(201);
    await expectOwnTags(`/v1/paths/${id}`, api.admin, api.as(await keyOf(api.db, (await buildLearner(api.db)).id)));
  });

  async function expectOwnTags(target: string, one: Client, other: Client): Promise<void> {
    const [mine, theirs] = [await one.get(target), await other.get(target)];
    expect([mine.status, theirs.status, mine.body.version]).toEqual([200, 200, theirs.body.version]);
    expect(mine.body).not.toEqual(theirs.body);
    expect(mine.headers.etag).not.toBe(theirs.headers.etag);
    expect((await other.get(target, { "If-None-Match": mine.headers.etag as string })).status).toBe(200);
  }

  test("a list has none", async () => {
    expect((await api.admin.get("/v1/learners")).headers.etag).toBeUndefined();
  });
});

describe("Accept", () => {
  test.each([
    ["text/csv", "text/csv"],
    ["text/csv, application/json;q=0.5", "text/csv"],
    ["text/csv;q=0.9, */*;q=0.1", "text/csv"],
    ["application/json, text/csv", "application/json"],
    ["text/csv;q=0.1, application/json", "application/json"],
    ["*/*", "application/json"],
    ["text/html", "application/json"],
  ])("%s is answered with %s", async (accept, type) => {
    const answer = await api.admin.get("/v1/learners", { Accept: accept });
    expect([answer.status, answer.type, answer.headers.vary]).toEqual([200, type, "Accept"]);
  });

  test("a refusal is a problem whatever is asked for", async () => {
    expect((await api.admin.get("/v1/learners?limit=0", { Accept: "text/csv" })).type).toBe("application/problem+json");
  });

  test("one entity is JSON", async () => {
    expect((await api.admin.get(path, { Accept: "text/csv" })).type).toBe("application/json");
  });

  test("a page of CSV leads to the next, too", async () => {
    await buildLearner(api.db);
    const { headers } = await api.admin.get("/v1/learners?limit=1", { Accept: "text/csv" });
    expect(headers.link).toMatch(/^<\/v1\/learners\?limit=1&cursor=[^>]+>; rel="next"$/);
  });
});

describe("a table", () => {
  test("has a line of names, and a line for each row", () => {
    const rows = [
      { text: 'a "quote", a\nline', number: -1.5, flag: true, none: null, list: ["a", "b"], deep: { first: 1, second: "x" } },
      { text: "b", number: 0, flag: false, none: null, list: [], deep: null },
    ];
    expect(toCsv(["text", "number", "flag", "none", "list", "deep.first", "deep.second"], rows)).toBe(
      'text,number,flag,none,list,deep.first,deep.second\r\n"a ""quote"", a\nline",-1.5,true,,a; b,1,x\r\nb,0,false,,,,\r\n',
    );
  });

  const blanks = [
    " ",
    "   ",
    "\t",
    "\u00a0",
    "\u200b",
    "\u2060",
    "\ufeff",
    "\u3000",
    "\u2009",
    "\u00ad",
    "\v",
    "\u0001",
    "\u0085",
    "\u202e",
    "\u2028",
    " \u200b\t\ufeff",
  ];
  const signs = ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\ufe66", "\ufe62", "\ufe63", "\ufe6b", "\u2212"];
  const formulas = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    ...signs.map((sign) => `${sign}cmd|' /C calc'!A0`),
    ...blanks.map((blank) => `${blank}=1+1`),
  ];
  test.each(formulas)("hands no spreadsheet the formula %j", (text) => {
    const [row] = parse(toCsv(["cell"], [{ cell: text }]), { from_line: 2, record_delimiter: "\r\n" }) as string[][];
    expect(row).toEqual([`'${text}`]);
  });

  test.each(["a\nb", "a\rb", "\na"])("lets no line end in %j end a row", (text) => {
    expect(toCsv(["cell"], [{ cell: text }])).toMatch(/^cell\r\n"'?[^"]+"\r\n$/);
  });

  test("hands no formula over inside a list either", () => {
    expect(toCsv(["cell"], [{ cell: ["=1+1", "b"] }])).toBe("cell\r\n'=1+1; b\r\n");
  });

  test("gives back any other text as it was", () => {
    const texts = fc.string({ unit: "grapheme" }).filter((text) => !/^[\s\p{C}\p{M}\p{Lo}]*[=+\-@\u2212\ufe62-\ufe6b\uff0b-\uff20]|^[\t\r\n]/u.test(text));
    fc.assert(
      fc.property(fc.array(fc.tuple(texts, texts), { minLength: 1 }), (rows) => {
        const table = toCsv(
          ["a", "b"],
          rows.map(([a, b]) => ({ a, b })),
        );
        expect(parse(table, { from_line: 2, record_delimiter: "\r\n" })).toEqual(rows);
      }),
    );
  });

  test.each([
    "a =1+1",
    "a-b",
    "1-2",
    "\u2013 a dash",
    "\u2014 a longer dash",
    "\u2022 -1",
    "(=1)",
    "|calc",
    "%0",
    "'=1",
    "/sum",
    ".5",
    "\u00b1 5",
    " a",
    "\u200ba",
    " ",
  ])("leaves %j as it is", (text) => {
    expect(toCsv(["cell"], [{ cell: text }])).toBe(`cell\r\n${text}\r\n`);
  });

  test("is written alike here and by the database, whatever stands in a cell", async () => {
    const unit = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...blanks, ...signs, '"', ",", "'", "\n", "\r", "\r\n", ";", "a", "1", "\\", "é", "🪨") },
      { weight: 2, arbitrary: fc.integer({ min: 1, max: 0xffff }).map((code) => String.fromCharCode(code)) },
      { weight: 1, arbitrary: fc.string({ unit: "binary", minLength: 1, maxLength: 1 }) },
    );
    const cells = fc.array(unit, { maxLength: 5 }).map((units) => units.join("").replaceAll("\0", "").toWellFormed());
    await fc.assert(
      fc.asyncProperty(fc.array(cells, { minLength: 50, maxLength: 200 }), async (texts) => {
        const written = await api.db.$queryRaw<{ cell: string }[]>`
          SELECT ${guarded(Prisma.sql`text`)} AS cell FROM unnest(${texts}::text[]) WITH ORDINALITY AS given (text, place) ORDER BY place`;
        expect(written.map(({ cell }) => cell)).toEqual(texts.map((text) => toCsv(["cell"], [{ cell: text }]).slice("cell\r\n".length, -"\r\n".length)));
      }),
      { numRuns: 30 },
    );
  });

  test("has the columns that the schema says, also within what may be null", () => {
    const schema = z.object({ a: z.string(), b: z.object({ c: z.int(), d: z.int().nullable() }).nullable(), e: z.array(z.string()).optional() });
    expect(csvColumns(schema)).toEqual(["a", "b.c", "b.d", "e"]);
  });
});
