import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import { endServices, prepareNpmStart, startService } from "./setup/service";

// The service as a process: what it prints, how it ends.

const folder = mkdtempSync(path.join(os.tmpdir(), "cairn with a space "));
afterAll(async () => {
  await endServices();
  rmSync(folder, { recursive: true, force: true });
});

const start = (environment: Record<string, string>) => startService({ DATA_DIR: path.join(folder, "data"), ...environment });

async function untilReady(address: string): Promise<void> {
  while ((await fetch(`${address}/readyz`)).status !== 200) await new Promise((resolve) => setTimeout(resolve, 50));
}

test("the first start prints an admin's key, a second start keeps the data and prints none", async () => {
  const first = start({});
  const [, address, key] = await first.until(/Cairn: (\S+?),[\s\S]*admin +(\S+)/);
  const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
  const created = await fetch(`${address}/v1/learners`, { method: "POST", headers, body: JSON.stringify({ name: "Kept" }) });
  expect(created.status).toBe(201);

  const rival = await start({}).ended;
  expect(rival.code).toBe(69);
  expect(rival.output).toContain("Another process serves the data in");

  first.child.kill("SIGTERM");
  expect((await first.ended).code).toBe(0);

  const second = start({});
  const [, again] = await second.until(/Server listening at (\S+?)"/);
  await untilReady(again as string);
  const kept = await fetch(`${again}/v1/learners`, { headers });
  expect(await kept.json()).toMatchObject({ items: [{ name: "Kept" }] });
  second.child.kill("SIGTERM");
  const { output } = await second.ended;
  expect(output).not.toContain(key);
  expect(output).toContain(`Cairn runs at ${again}. Its documentation: ${again}/docs`);
  expect(output).toContain("Is the admin's lost? Start once with a new one");
});

test("wrong settings stop the start, and each is named", async () => {
  const { code, output } = await start({ PORT: "99999", TARGET: "70/20/20", TIME_ZONE: "Mars" }).ended;
  expect(code).toBe(78);
  for (const name of ["PORT", "TARGET", "TIME_ZONE"]) expect(output).toContain(`  ${name}: `);
});

test("a database that is not there stops the start", async () => {
  const { code, output } = await start({ DATABASE_URL: "postgresql://nobody@127.0.0.1:1/nothing" }).ended;
  expect(code).toBe(69);
  expect(output).toContain("Check DATABASE_URL");
});

test("a taken port stops the start", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const { code, output } = await start({ PORT: String(port), DATA_DIR: path.join(folder, "other") }).ended;
  server.close();
  expect(code).toBe(69);
  expect(output).toContain("set another port");
});

test("a stop tells balancers first, and answers what is sent meanwhile as the last on its connection", async () => {
  const { child, ended, until } = start({ DRAIN_MS: "600000", DATA_DIR: path.join(folder, "drained") });
  const [, address] = await until(/Server listening at (\S+?)"/);
  await untilReady(address as string);
  expect((await fetch(`${address}/livez`)).headers.get("connection")).toBe("keep-alive");
  child.kill("SIGTERM");
  await until(/"msg":"stopping"/);
  const ready = await fetch(`${address}/readyz`);
  expect([ready.status, ready.headers.get("retry-after"), await ready.json()]).toMatchObject([503, "2", { code: "unavailable" }]);
  const me = await fetch(`${address}/v1/me`);
  expect([me.status, me.headers.get("connection")]).toEqual([401, "close"]);
  child.kill("SIGKILL");
  await ended;
});

test("a stop in the middle of the start is no failure", async () => {
  const { child, ended, until } = start({ SAMPLE_DATA: "on", DATA_DIR: path.join(folder, "interrupted") });
  await until(/Server listening at (\S+?)"/);
  child.kill("SIGTERM");
  const { code, output } = await ended;
  expect([code, output]).toEqual([0, expect.not.stringMatching(/"level":[56]0|Transaction/)]);
});

// Windows has no such signals.
const describeSignals = process.platform === "win32" ? describe.skip : describe;
describeSignals("npm start", () => {
  const place = path.join(folder, "by npm");
  beforeAll(() => {
    mkdirSync(place);
    prepareNpmStart(place);
  });
  const npmStart = (command = ["npm", "start"]) => startService({ DATA_DIR: path.join(place, ".cairn"), npm_config_update_notifier: "false" }, command, place);
  const untilServing = async ({ until }: ReturnType<typeof npmStart>) => {
    const [, address] = (await until(/Server listening at (http:\S+?)"/)) as unknown as [string, string];
    await untilReady(address);
    return address;
  };
  const claims = () => readdirSync(path.join(place, ".cairn")).filter((name) => name.startsWith(".claim"));

  test.each(["SIGTERM", "SIGINT"] as const)("a %s to npm ends the service, and npm waits for that", async (signal) => {
    const service = npmStart();
    const address = await untilServing(service);
    service.child.kill(signal);
    const { code, output } = await service.ended;
    expect(code).toBe(0);
    expect(output).toContain(`"signal":"${signal}","msg":"stopping"`);
    await expect(fetch(address)).rejects.toThrow();
    expect(claims()).toEqual([]);
  });

  test("the exit code of the service is npm's", async () => {
    const { code } = await startService({ PORT: "99999" }, ["npm", "start"], place).ended;
    expect(code).toBe(78);
  });

  // It runs a command in a terminal of its own, which is closed when it ends.
  const hasTerminals = process.platform === "linux" && spawnSync("script", ["--version"]).status === 0;
  (hasTerminals ? test : test.skip)("closing the terminal ends the service, and the next start takes its data", async () => {
    const terminal = npmStart(["script", "-qfc", "npm start", "/dev/null"]);
    const address = await untilServing(terminal);
    terminal.child.kill("SIGKILL");
    const isThere = () => fetch(`${address}/livez`).then(Boolean, () => false);
    while (await isThere()) await new Promise((resolve) => setTimeout(resolve, 50));
    const again = npmStart();
    await untilServing(again);
    again.child.kill("SIGTERM");
    expect((await again.ended).code).toBe(0);
  });
});
