import { parse } from "csv-parse/sync";
import type { Breakdown } from "../../src/reports/breakdown.schema";
import { startApp, type TestApp } from "../setup/app";
import { buildMember, buildSession, buildTeam } from "../setup/factories";

let api: TestApp;
let teamId: string;
let learnerId: string;
beforeAll(async () => {
  api = await startApp({ WEEK_START: "sunday" });
  teamId = (await buildTeam(api.db)).id;
  learnerId = (await buildMember(api.db, teamId)).id;
  for (const day of ["2026-01-31", "2026-02-01", "2026-02-28", "2026-03-31"]) await buildSession(api.db, { learnerId, startedAt: `${day}T09:00:00Z` });
});
afterAll(() => api.close());

const read = async (path: string): Promise<Breakdown> => (await api.admin.get(path)).body;

describe("calendar comparison", () => {
  test.each([
    ["March with all of February", "2026-03-01", "2026-04-01", "2026-02-01", "calendar"],
    ["March with February of a leap year", "2024-03-01", "2024-04-01", "2024-02-01", "calendar"],
    ["January with December of the year before", "2026-01-01", "2026-02-01", "2025-12-01", "calendar"],
    ["a quarter with the one before", "2026-04-01", "2026-07-01", "2026-01-01", "calendar"],
    ["a first quarter with the last of the year before", "2026-01-01", "2026-04-01", "2025-10-01", "calendar"],
    ["a year after a leap year with all of that", "2025-01-01", "2026-01-01", "2024-01-01", "calendar"],
    ["a day less than a month with as many days", "2026-03-01", "2026-03-31", "2026-01-30", "equal-length"],
    ["thirty-one days from the second with as many", "2026-03-02", "2026-04-02", "2026-01-30", "equal-length"],
    ["three months that are no quarter with as many days", "2026-02-01", "2026-05-01", "2025-11-04", "equal-length"],
    ["two months with as many days", "2026-03-01", "2026-05-01", "2025-12-30", "equal-length"],
  ])("of %s", async (_, from, to, before, rule) => {
    const previous = { from: before, to: from, rule };
    for (const whose of [`teams/${teamId}`, `learners/${learnerId}`]) {
      expect((await read(`/v1/${whose}/breakdown?from=${from}&to=${to}&compare=previous`)).previous).toMatchObject(previous);
      expect((await api.admin.get(`/v1/${whose}/growth?from=${from}&to=${to}`)).body.previous).toEqual(previous);
    }
  });

  test("counts the whole month before, and no day of another, in the whole, in each group, and in CSV", async () => {
    const path = `/v1/teams/${teamId}/breakdown?from=2026-03-01&to=2026-04-01&compare=previous&groupBy=learner`;
    const { total, previous, groups } = await read(path);
    expect([total.minutes.total, previous?.minutes.total]).toEqual([60, 120]);
    expect(groups.map((group) => [group.minutes.total, group.previous?.minutes.total, group.previous?.rule])).toEqual([[60, 120, "calendar"]]);
    const lines = parse<Record<string, string>>((await api.admin.get(path, { Accept: "text/csv" })).text, { columns: true });
    expect(lines.map((line) => [line.section, line.from, line.rule, line["minutes.total"]])).toEqual([
      ["total", "2026-03-01", "", "60"],
      ["previous", "2026-02-01", "calendar", "120"],
      ["group", "2026-03-01", "", "60"],
      ["group-previous", "2026-02-01", "calendar", "120"],
    ]);
    const growth = (await api.admin.get(`/v1/teams/${teamId}/growth?from=2026-03-01&to=2026-04-01`)).body;
    expect(growth.items).toMatchObject([{ minutes: 60, previousMinutes: 120 }]);
  });
});

describe("the beginning of weeks", () => {
  const weeks = async (query: string) => {
    const { period, buckets } = await read(`/v1/teams/${teamId}/breakdown?from=2026-01-28&to=2026-02-10&${query}`);
    return [period.weekStart, ...buckets.map(({ from, partial, minutes }) => [from, partial, minutes.total])];
  };

  // 31 January 2026 is a Saturday.
  test.each([
    [
      "weekStart=monday",
      "monday",
      [
        ["2026-01-28", true, 120],
        ["2026-02-02", false, 0],
        ["2026-02-09", true, 0],
      ],
    ],
    [
      "weekStart=sunday",
      "sunday",
      [
        ["2026-01-28", true, 60],
        ["2026-02-01", false, 60],
        ["2026-02-08", true, 0],
      ],
    ],
    [
      "weekStart=saturday",
      "saturday",
      [
        ["2026-01-28", true, 0],
        ["2026-01-31", false, 120],
        ["2026-02-07", true, 0],
      ],
    ],
    [
      "and the setting's unless told",
      "sunday",
      [
        ["2026-01-28", true, 60],
        ["2026-02-01", false, 60],
        ["2026-02-08", true, 0],
      ],
    ],
  ])("%s", async (query, weekStart, buckets) => {
    expect(await weeks(`bucket=week&${query.startsWith("week") ? query : ""}`)).toEqual([weekStart, ...buckets]);
  });

  test("moves no other bucket, and another day is refused", async () => {
    const [sunday, monday] = await Promise.all(["sunday", "monday"].map((day) => weeks(`bucket=month&weekStart=${day}`)));
    expect(sunday).toEqual(monday);
    expect(sunday?.[0]).toBeNull();
    const refused = await api.admin.get(`/v1/teams/${teamId}/breakdown?bucket=week&weekStart=friday`);
    expect([refused.status, refused.body.errors[0].pointer]).toEqual([400, "query/weekStart"]);
  });
});
