import { parse } from "csv-parse/sync";
import { v7 as uuidv7 } from "uuid";
import { type Client, startApp, type TestApp } from "../setup/app";
import { buildLearner, buildTeam, keyOf } from "../setup/factories";

const CSV = { Accept: "text/csv" };
const PEOPLE = 60;

let api: TestApp;
let lead: Client;
let path: string;
beforeAll(async () => {
  api = await startApp();
  const leader = await buildLearner(api.db);
  const team = await buildTeam(api.db, { leadId: leader.id });
  const learners = Array.from({ length: PEOPLE }, (_, index) => ({ id: uuidv7(), name: `Person ${String(index).padStart(3, "0")}`, timeZone: "UTC" }));
  await api.db.learner.createMany({ data: learners });
  await api.db.membership.createMany({
    data: learners.map(({ id }) => ({ learnerId: id, id: uuidv7(), teamId: team.id, fromDay: new Date("2026-01-01"), untilDay: null })),
  });
  lead = api.as(await keyOf(api.db, leader.id));
  path = `/v1/teams/${team.id}/growth`;
});
afterAll(() => api.close());

describe("growth as CSV", () => {
  test("has a line for each person, however many a page of JSON has", async () => {
    const table = await lead.get(path, CSV);
    const lines = parse<{ id: string; name: string }>(table.text, { columns: true });
    expect(lines).toHaveLength(PEOPLE);
    expect(table.headers.link).toBeUndefined();
    const first = (await lead.get(path)).body;
    expect(first.items).toHaveLength(50);
    const second = (await lead.get(`${path}?cursor=${first.next}`)).body;
    expect(lines.map(({ id }) => id)).toEqual([...first.items, ...second.items].map(({ id }: { id: string }) => id));
    const [event] = await api.db.auditEvent.findMany({ where: { requestId: table.headers["x-request-id"] as string } });
    expect(event?.learnerIds).toHaveLength(PEOPLE);
  });

  test("asked for in pages says in each but the last that more is to come, and where", async () => {
    const names: string[] = [];
    let next: string | undefined = `${path}?limit=25`;
    const pages: number[] = [];
    while (next) {
      const { text } = await lead.get(next, CSV);
      const lines: { name: string }[] = parse(text, { columns: true, comment: "#", comment_no_infix: true });
      names.push(...lines.map(({ name }) => name));
      pages.push(lines.length);
      next = /^# incomplete: 25 rows on this page; more at (\/v1\/\S+)$/m.exec(text)?.[1];
    }
    expect(pages).toEqual([25, 25, 10]);
    expect(new Set(names).size).toBe(PEOPLE);
  });
});
