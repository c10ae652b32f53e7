import { startApp, type TestApp } from "../setup/app";
import { buildGoal, buildLearner, buildResource, buildStep, buildTeam } from "../setup/factories";
import { buildEvidence, buildTerm } from "../setup/growth-factories";
import { NOBODY } from "./operations";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

const entities: Record<string, { build(): Promise<string>; change: object; other: object; derived?: boolean }> = {
  learner: { build: async () => `/v1/learners/${(await buildLearner(api.db)).id}`, change: { name: "Changed" }, other: { name: "Otherwise" } },
  team: { build: async () => `/v1/teams/${(await buildTeam(api.db)).id}`, change: { name: "Changed" }, other: { name: "Otherwise" }, derived: true },
  resource: { build: async () => `/v1/resources/${(await buildResource(api.db)).id}`, change: { title: "Changed" }, other: { title: "Otherwise" } },
  goal: {
    build: async () => {
      const { id, learnerId } = await buildGoal(api.db);
      return `/v1/learners/${learnerId}/goals/${id}`;
    },
    change: { title: "Changed" },
    other: { title: "Otherwise" },
    derived: true,
  },
  step: {
    build: async () => {
      const { id, goalId, learnerId } = await buildStep(api.db);
      return `/v1/learners/${learnerId}/goals/${goalId}/steps/${id}`;
    },
    change: { title: "Changed" },
    other: { title: "Otherwise" },
    derived: true,
  },
  "path version": {
    build: async () => `/v1/paths/${(await api.admin.post("/v1/paths", { title: "A draft" })).body.id}/versions/1`,
    change: { title: "Changed" },
    other: { title: "Otherwise" },
    derived: true,
  },
  "piece of evidence": {
    build: async () => {
      const { id, goalId, learnerId } = await buildEvidence(api.db, { shared: true });
      return `/v1/learners/${learnerId}/goals/${goalId}/evidence/${id}`;
    },
    change: { title: "Changed" },
    other: { title: "Otherwise" },
  },
  term: {
    build: async () => {
      const { id, goalId, learnerId } = await buildTerm(api.db, { shared: true });
      return `/v1/learners/${learnerId}/goals/${goalId}/terms/${id}`;
    },
    change: { term: "changed" },
    other: { term: "otherwise" },
  },
  timer: {
    build: async () => {
      const path = `/v1/learners/${(await buildLearner(api.db)).id}/timer`;
      await api.admin.post(path, {});
      return path;
    },
    change: { mode: "social" },
    other: { mode: "formal" },
  },
};

const STALE = {
  type: "urn:cairn:problem:version-mismatch",
  code: "version-mismatch",
  title: "It changed since it was read",
  status: 412,
  detail: "It was changed or deleted since it was read. Read it again, decide again, and send the change with the new ETag.",
  requestId: expect.any(String),
};

describe.each(Object.entries(entities))("a %s", (_, { build, change, other, derived }) => {
  // What is derived may say otherwise without a new version, so its tag goes by what it says, too.
  const tagOf = (version: number) => (derived ? expect.stringMatching(new RegExp(`^"${version}-[\\w-]{8}"$`)) : `"${version}"`);

  test("has its version for an ETag, a new one with each change", async () => {
    const path = await build();
    const read = await api.admin.get(path);
    expect(read.headers.etag).toEqual(tagOf(read.body.version));
    const changed = await api.admin.patch(path, change);
    expect(changed.body.version).toBe(read.body.version + 1);
    expect(changed.headers.etag).toEqual(tagOf(changed.body.version));
    expect((await api.admin.get(path)).headers.etag).toBe(changed.headers.etag);
  });

  test("is changed under the ETag that was read, and not under an older one", async () => {
    const path = await build();
    const { etag } = (await api.admin.get(path)).headers as { etag: string };
    expect(await api.admin.patch(path, change, { "If-Match": etag })).toMatchObject({ status: 200, body: change });
    const refused = await api.admin.patch(path, other, { "If-Match": etag });
    expect(refused.status).toBe(412);
    expect(refused.body).toEqual(STALE);
    expect((await api.admin.get(path)).body).toMatchObject(change);
  });

  test("is changed once by two who read the same", async () => {
    const path = await build();
    const answers = await Promise.all([change, other].map((body) => api.admin.patch(path, body, { "If-Match": '"1"' })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412]);
    expect((await api.admin.get(path)).body).toEqual(answers.find(({ status }) => status === 200)?.body);
  });

  test.each(['W/"1"', "1", '"one"', '"1", "2"', '"1', "", '"99999999999999999999"'])("is not changed under If-Match: %s", async (etag) => {
    const path = await build();
    expect(await api.admin.patch(path, change, { "If-Match": etag })).toMatchObject({ status: 412, body: { code: "version-mismatch" } });
    expect((await api.admin.get(path)).body.version).toBe(1);
  });

  test("is changed under If-Match: *", async () => {
    expect(await api.admin.patch(await build(), change, { "If-Match": "*" })).toMatchObject({ status: 200, body: { version: 2 } });
  });

  test.each(["ETAG", '"0", ETAG'])("is not sent again to who has it: If-None-Match: %s", async (known) => {
    const path = await build();
    const { etag } = (await api.admin.get(path)).headers as { etag: string };
    const read = await api.admin.get(path, { "If-None-Match": known.replace("ETAG", etag) });
    expect({ status: read.status, text: read.text, etag: read.headers.etag }).toEqual({ status: 304, text: "", etag });
  });

  test.each(['"2"', "1", '"11"'])("is sent to who has another: If-None-Match: %s", async (known) => {
    expect(await api.admin.get(await build(), { "If-None-Match": known })).toMatchObject({ status: 200, body: { version: 1 } });
  });
});

// RFC 9110 compares If-None-Match weakly: a proxy that compresses an answer weakens its ETag.
test.each(['W/"1"', "*"])("a learner is not sent again to who has it: If-None-Match: %s", async (known) => {
  const { id } = await buildLearner(api.db);
  expect((await api.admin.get(`/v1/learners/${id}`, { "If-None-Match": known })).status).toBe(304);
});

test.each(["team", "goal", "step", "path version", "piece of evidence", "term", "timer"])(
  "a %s is deleted under the ETag that was read alone",
  async (name) => {
    const path = await entities[name]?.build();
    const stale = await api.admin.delete(path as string, { "If-Match": '"7"' });
    expect(stale.status).toBe(412);
    expect(stale.body).toEqual(STALE);
    expect((await api.admin.delete(path as string, { "If-Match": '"1"' })).status).toBe(204);
  },
);

test("a path version is published under the ETag that was read alone", async () => {
  const { id } = (await api.admin.post("/v1/paths", { title: "A draft", steps: [{ key: "only", title: "Only" }] })).body;
  const path = `/v1/paths/${id}/versions/1`;
  const stale = await api.admin.put(`${path}/publication`, undefined, { "If-Match": '"7"' });
  expect([stale.status, stale.body]).toEqual([412, STALE]);
  expect((await api.admin.get(path)).body.publishedAt).toBeNull();
  expect((await api.admin.put(`${path}/publication`, undefined, { "If-Match": '"1"' })).headers.etag).toMatch(/^"2[-"]/);
});

test("a resource is archived and restored under the ETag that was read alone", async () => {
  const path = `${await entities.resource?.build()}/archival`;
  expect(await api.admin.put(path, undefined, { "If-Match": '"7"' })).toMatchObject({ status: 412, body: { code: "version-mismatch" } });
  expect((await api.admin.put(path, undefined, { "If-Match": '"1"' })).headers.etag).toMatch(/^"2[-"]/);
  expect(await api.admin.delete(path, { "If-Match": '"1"' })).toMatchObject({ status: 412, body: { code: "version-mismatch" } });
  expect((await api.admin.delete(path, { "If-Match": '"2"' })).headers.etag).toMatch(/^"3[-"]/);
});

test.each([
  ["get", "/v1/resources/NOTHING"],
  ["get", "/v1/learners/LEARNER/goals/NOTHING"],
  ["delete", "/v1/learners/LEARNER/membership/NOTHING"],
  ["delete", "/v1/api-keys/NOTHING"],
] as const)("%s %s does not ask for a version, and finds nothing under any If-Match", async (method, path) => {
  const { id } = await buildLearner(api.db);
  const refused = await api.admin[method](path.replace("LEARNER", id).replace("NOTHING", NOBODY), { "If-Match": '"1"' });
  expect(refused).toMatchObject({ status: 404, body: { code: "not-found" } });
});
