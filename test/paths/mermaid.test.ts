import { toMermaid } from "../../src/paths/mermaid";
import { startApp, type TestApp } from "../setup/app";
import { buildLearner, buildPath, keyOf } from "../setup/factories";

type Drawn = Parameters<typeof toMermaid>[0];

const step = (key: string, rest: Partial<Drawn["steps"][number]> = {}) => {
  return { key, section: null, title: key, required: true, estimatedMinutes: null, prerequisites: [], ...rest };
};
const draw = (steps: Drawn["steps"], ...critical: string[]) => toMermaid({ steps, criticalPath: { minutes: 0, steps: critical } });

describe("a drawing", () => {
  test("has a box for each section, round ends for the optional, and thick arrows along the critical path", () => {
    const steps = [
      step("read", { section: "Basics", title: "Read about containers", estimatedMinutes: 600 }),
      step("watch", { section: "Basics", title: "Watch a deployment", required: false, estimatedMinutes: 45 }),
      step("ask", { title: "Ask who runs it" }),
      step("deploy", { section: "Practice", title: "Deploy a service", estimatedMinutes: 1_230, prerequisites: ["read", "watch", "ask"] }),
      step("tell", { section: "Basics", title: "Tell others", prerequisites: ["deploy"] }),
    ];
    expect(draw(steps, "read", "deploy")).toBe(`flowchart LR
  subgraph g1["Basics"]
    s1["Read about containers<br/>10 h"]
    s2(["Watch a deployment<br/>45 min"])
    s5["Tell others"]
  end
  s3["Ask who runs it"]
  subgraph g3["Practice"]
    s4["Deploy a service<br/>20.5 h"]
  end
  s1 ==> s4
  s2 --> s4
  s3 --> s4
  s4 --> s5
`);
  });

  test("of no steps is empty", () => {
    expect(draw([])).toBe("flowchart LR\n");
  });

  test("has a thin arrow between two steps of the critical path of which one does not follow the other there", () => {
    const steps = [step("a"), step("b", { prerequisites: ["a"] }), step("c", { prerequisites: ["a", "b"] })];
    expect(draw(steps, "a", "b", "c").split("\n").slice(4, -1)).toEqual(["  s1 ==> s2", "  s1 --> s3", "  s2 ==> s3"]);
    expect(draw(steps, "b", "c").split("\n").slice(4, -1)).toEqual(["  s1 --> s2", "  s1 --> s3", "  s2 ==> s3"]);
  });

  test.each([
    [59, "59 min"],
    [60, "1 h"],
    [65, "1.1 h"],
    [90, "1.5 h"],
    [100_000, "1666.7 h"],
  ])("says %d minutes as %s", (estimatedMinutes, said) => {
    expect(draw([step("a", { estimatedMinutes })])).toContain(`s1["a<br/>${said}"]`);
  });
});

describe("a title cannot end its label, nor be taken for anything but words", () => {
  test.each([
    ["quotes", 'Say "no"', "Say #34;no#34;"],
    ["brackets", "a[0] {b}", "a#91;0#93; #123;b#125;"],
    ["tags", "<img src=x onerror=alert(1)>", "#60;img src#61;x onerror#61;alert(1#41;#62;"],
    ["Markdown", "`**bold**` _it_ ~~no~~", "#96;#42;#42;bold#42;#42;#96; #95;it#95; #126;#126;no#126;#126;"],
    ["a numbered list", "1. Read", "1#46; Read"],
    ["another", "2) Try", "2#41; Try"],
    ["a list", "- Tell", "#45; Tell"],
    ["another list", "+ Tell", "#43; Tell"],
    ["an address", "See https://example.com", "See https#58;//example#46;com"],
    ["character codes", "C# &amp; #35;", "C#35; #38;amp#59; #35;35#59;"],
    ["line breaks", "one\r\n  two\tthree", "one two three"],
    ["a comment", "100 %% done", "100 #37;#37; done"],
    ["arrows and pipes", "a --> b | c", "a #45;#45;#62; b #124; c"],
    ["the syntax's own words", "end", "end"],
    ["a directive", "click s1 href", "click s1 href"],
    ["a backslash", "a\\b", "a#92;b"],
    ["letters of any alphabet", "Über 設計 и ١٢", "Über 設計 и ١٢"],
    ["what takes two halves", "Ship it 🚀", "Ship it #128640;"],
  ])("%s", (_, title, label) => {
    const steps = [step("a", { title, section: title })];
    expect(draw(steps)).toBe(`flowchart LR\n  subgraph g1["${label}"]\n    s1["${label}"]\n  end\n`);
  });

  test("keys that are words of the syntax are not in it", () => {
    const steps = [step("end", { title: "Last" }), step("subgraph", { title: "First", prerequisites: ["end"] })];
    expect(draw(steps)).toBe('flowchart LR\n  s1["Last"]\n  s2["First"]\n  s1 --> s2\n');
  });
});

describe("over HTTP", () => {
  let api: TestApp;
  beforeAll(async () => {
    api = await startApp();
  });
  afterAll(() => api.close());

  const Accept = "text/vnd.mermaid";
  const one = [{ key: "a", title: "Alone" }];
  const two = [...one, { key: "b", title: "Better together", prerequisites: ["a"] }];
  const drawnOne = 'flowchart LR\n  s1["Alone"]\n';
  const drawnTwo = 'flowchart LR\n  s1["Alone"]\n  s2["Better together"]\n  s1 ==> s2\n';

  test("a path and each of its versions are drawn for whoever asks for Mermaid", async () => {
    const { id } = await buildPath(api.db, one, two);
    const learner = api.as(await keyOf(api.db, (await buildLearner(api.db)).id));
    const drawn = await learner.get(`/v1/paths/${id}`, { Accept });
    expect([drawn.status, drawn.text]).toEqual([200, drawnTwo]);
    expect(drawn.headers).toMatchObject({ "content-type": "text/vnd.mermaid; charset=utf-8", vary: "Accept", etag: expect.stringMatching(/^"1-[\w-]{8}"$/) });
    expect((await learner.get(`/v1/paths/${id}/versions/1`, { Accept })).text).toBe(drawnOne);
    expect((await learner.get(`/v1/paths/${id}/versions/2`, { Accept: "text/vnd.mermaid;q=0.9, application/json;q=0.5" })).text).toBe(drawnTwo);
  });

  test("whoever does not care gets JSON", async () => {
    const { id } = await buildPath(api.db, one);
    const read = await api.admin.get(`/v1/paths/${id}`, { Accept: "*/*" });
    expect([read.headers["content-type"], read.body.id]).toEqual(["application/json; charset=utf-8", id]);
  });

  test("what is not there is a problem, not a drawing", async () => {
    const { id } = await buildPath(api.db, one);
    const missing = await api.admin.get(`/v1/paths/${id}/versions/2`, { Accept });
    expect(missing).toMatchObject({ status: 404, type: "application/problem+json", text: expect.stringContaining('"code":"not-found"') });
  });
});
