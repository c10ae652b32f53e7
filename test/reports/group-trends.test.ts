import { parse } from "csv-parse/sync";
import { v7 as uuidv7 } from "uuid";
import type { Breakdown } from "../../src/reports/breakdown.schema";
import { startApp, type TestApp } from "../setup/app";
import { buildGoal, buildLearner, buildMember, buildSession, buildTeam, joinTeam, keyOf } from "../setup/factories";

const SPRING = "from=2026-03-01&to=2026-06-01&bucket=month";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

describe("the trend of each group", () => {
  test("shows which team moved, with its own eligible people, target and empty buckets", async () => {
    const lead = await buildLearner(api.db);
    const top = await buildTeam(api.db, { leadId: lead.id });
    const [steady, moving] = [
      await buildTeam(api.db, { name: "A", parentId: top.id }),
      await buildTeam(api.db, { name: "B", parentId: top.id, target: [50, 25, 25] }),
    ];
    const stays = await buildMember(api.db, steady.id);
    const moves = await buildMember(api.db, steady.id, { untilDay: "2026-05-11" });
    await joinTeam(api.db, moves.id, moving.id, { fromDay: "2026-05-11" });
    for (const day of ["2026-03-10", "2026-04-10", "2026-05-10", "2026-05-12"]) {
      await buildSession(api.db, { learnerId: moves.id, startedAt: `${day}T09:00:00Z`, minutes: 30, onTheJobMinutes: 0, socialMinutes: 30 });
    }
    await buildSession(api.db, { learnerId: stays.id, startedAt: "2026-03-11T09:00:00Z", minutes: 90, onTheJobMinutes: 90 });

    const path = `/v1/teams/${top.id}/breakdown?${SPRING}&groupBy=team&compare=previous`;
    const { groups, buckets } = (await api.as(await keyOf(api.db, lead.id)).get(path)).body as Breakdown;
    const trend = groups.map((group) => [
      group.label,
      group.buckets.map((bucket) => [bucket.from, bucket.partial, bucket.minutes.total, bucket.share?.social ?? null, bucket.learners.eligible]),
    ]);
    expect(Object.fromEntries(trend)).toEqual({
      A: [
        ["2026-03-01", false, 120, 25, 2],
        ["2026-04-01", false, 30, 100, 2],
        ["2026-05-01", false, 30, 100, 2],
      ],
      B: [
        ["2026-03-01", false, 0, null, 0],
        ["2026-04-01", false, 0, null, 0],
        ["2026-05-01", false, 30, 100, 1],
      ],
    });
    const last = groups.find(({ label }) => label === "B")?.buckets.at(-1);
    expect(last?.deviation).toEqual({ onTheJob: -50, social: 75, formal: -25 });
    expect(buckets.map(({ minutes }) => minutes.total)).toEqual([120, 30, 60]);
  });

  test.each(["team", "learner", "skill", "goal", "resource", "resource-type", "verification"])(
    "of a team by %s: every group has every bucket",
    async (groupBy) => {
      const team = await buildTeam(api.db);
      const learner = await buildMember(api.db, team.id);
      const goal = await buildGoal(api.db, { learnerId: learner.id });
      await buildSession(api.db, { learnerId: learner.id, startedAt: "2026-04-10T09:00:00Z", skills: ["go", "sql"], goalId: goal.id });
      // March is cut, and June is not over.
      const { groups, buckets } = (await api.admin.get(`/v1/teams/${team.id}/breakdown?from=2026-03-05&to=2026-07-01&bucket=month&groupBy=${groupBy}`))
        .body as Breakdown;
      expect(buckets.map(({ partial }) => partial)).toEqual([true, false, false, true]);
      expect(groups).toHaveLength(groupBy === "skill" ? 2 : 1);
      for (const group of groups) {
        expect(group.buckets.map(({ from, to, partial }) => ({ from, to, partial }))).toEqual(buckets.map(({ from, to, partial }) => ({ from, to, partial })));
        expect(group.buckets.map(({ minutes, share, learners }) => [minutes.total, share?.onTheJob ?? null, learners.eligible])).toEqual([
          [0, null, 1],
          [60, 100, 1],
          [0, null, 1],
          [0, null, 1],
        ]);
      }
    },
  );

  test("of a learner's own report, too; and without a bucket there is none", async () => {
    const { learnerId } = await buildSession(api.db, { startedAt: "2026-04-10T09:00:00Z", skills: ["go"] });
    const trend = async (query: string) =>
      ((await api.admin.get(`/v1/learners/${learnerId}/breakdown?${query}&groupBy=skill`)).body as Breakdown).groups.map(({ buckets }) =>
        buckets.map(({ minutes }) => minutes.total),
      );
    expect(await trend(SPRING)).toEqual([[0, 60, 0]]);
    expect(await trend("from=2026-03-01&to=2026-06-01")).toEqual([[]]);
  });

  test("is in the CSV with the same numbers, a line for each bucket of each group", async () => {
    const team = await buildTeam(api.db);
    const learner = await buildMember(api.db, team.id);
    const goal = await buildGoal(api.db, { learnerId: learner.id, title: "Deploy" });
    await buildSession(api.db, { learnerId: learner.id, startedAt: "2026-04-10T09:00:00Z", goalId: goal.id });
    const path = `/v1/teams/${team.id}/breakdown?${SPRING}&groupBy=goal`;
    const [group] = ((await api.admin.get(path)).body as Breakdown).groups;
    const lines = parse<Record<string, string>>((await api.admin.get(path, { Accept: "text/csv" })).text, { columns: true });
    const trend = lines.filter(({ section }) => section === "group-bucket");
    expect(trend.map((line) => [line.id, line.learnerId, line.label, line.from, line.to, line.partial, line["minutes.total"], line["share.onTheJob"]])).toEqual(
      (group as Breakdown["groups"][number]).buckets.map(({ from, to, partial, minutes, share }) => [
        goal.id,
        learner.id,
        "Deploy",
        from,
        to,
        String(partial),
        String(minutes.total),
        String(share?.onTheJob ?? ""),
      ]),
    );
    expect(trend).toHaveLength(3);
  });

  test("is bounded: at most 5,000 buckets of groups, and the refusal says what to ask instead", async () => {
    const team = await buildTeam(api.db);
    const learners = Array.from({ length: 51 }, (_, index) => ({ id: uuidv7(), name: `One of many ${index}`, timeZone: "UTC" }));
    await api.db.learner.createMany({ data: learners });
    await api.db.membership.createMany({
      data: learners.map(({ id }) => ({ learnerId: id, id: uuidv7(), teamId: team.id, fromDay: new Date("2026-01-01"), untilDay: null })),
    });
    const ask = (to: string) => api.admin.get(`/v1/teams/${team.id}/breakdown?from=2026-01-01&to=${to}&bucket=day&groupBy=learner`);
    const refused = await ask("2026-04-10");
    expect([refused.status, refused.body.code]).toEqual([422, "too-many-groups"]);
    expect(refused.body.detail).toBe(
      "There would be 99 buckets of each of 51 groups; together at most 5000 are answered. Ask for larger buckets, a shorter period, a team below, or a filter.",
    );
    const answered = (await ask("2026-04-09")).body as Breakdown;
    expect(answered.groups.map(({ buckets }) => buckets.length)).toEqual(Array(51).fill(98));
    expect(answered.groups.flatMap(({ buckets }) => buckets).every(({ learners, minutes }) => learners.eligible === 1 && minutes.total === 0)).toBe(true);
  });
});
