import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

// Whether clients that are generated from openapi.json, unmodified, work with the service. It
// starts the service on an embedded database with the sample organisation, and Prism, which holds
// every request and answer against the description, in front of it.

const HERE = __dirname;
const ROOT = path.join(HERE, "..");
const START_MS = 120_000;

type Row = { what: string; holds: boolean; told: string };
const rows: Row[] = [];
const running: ChildProcess[] = [];

async function main(): Promise<void> {
  const dataDir = mkdtempSync(path.join(tmpdir(), "cairn-clients-"));
  try {
    const service = await startService(path.join(dataDir, "prism"));
    const proxy = await startPrism(service.address);
    await lint();
    await generate(proxy);
    for (const client of ["openapi-fetch", "hey-api", "orval"]) {
      const { code, output } = await run(path.join(ROOT, "node_modules/.bin/tsx"), [`${client}.ts`], { CAIRN_URL: proxy, CAIRN_KEY: service.keys.analyst });
      rows.push({ what: `${client}: its script, through Prism`, holds: code === 0, told: output.trim().split("\n").join("\n    ") });
    }
    await proxyRequests(proxy, service.keys);
    // Requests that change much: on a sample organisation that nothing has touched.
    await runNewman(await startService(path.join(dataDir, "newman")));
  } finally {
    for (const child of running) child.kill("SIGTERM");
    rmSync(dataDir, { recursive: true, force: true });
  }
  for (const { what, holds, told } of rows) console.log(`${holds ? "ok    " : "FAILED"}  ${what}\n    ${told}`);
  if (rows.some(({ holds }) => !holds)) process.exitCode = 1;
}

type Service = { address: string; keys: { admin: string; lead: string; analyst: string } };

async function startService(dataDir: string): Promise<Service> {
  const port = await freePort();
  const env = { ...process.env, DATA_DIR: dataDir, PORT: String(port), DATABASE_URL: "", LOG_LEVEL: "warn" };
  Reflect.deleteProperty(env, "DATABASE_URL");
  const told = await start("node", [path.join(ROOT, "dist/server.js")], env, / {2}analyst {2}\S+/);
  const key = (name: string) => new RegExp(`^ {2}${name} +(\\S+)`, "m").exec(told)?.[1] as string;
  return { address: `http://127.0.0.1:${port}`, keys: { admin: key("admin"), lead: key("lead"), analyst: key("analyst") } };
}

/** Prism answers what breaks the description with 500 and a problem of its own. */
async function startPrism(upstream: string): Promise<string> {
  const port = await freePort();
  const bin = path.join(HERE, "node_modules/.bin/prism");
  await start(
    bin,
    ["proxy", path.join(ROOT, "openapi.json"), upstream, "--errors", "--port", String(port), "--host", "127.0.0.1"],
    process.env,
    /listening on/i,
  );
  return `http://127.0.0.1:${port}`;
}

async function lint(): Promise<void> {
  const redocly = await run(tool("redocly"), ["lint", "../openapi.json", "--extends=recommended-strict"]);
  rows.push({ what: "Redocly recommended-strict", holds: redocly.code === 0, told: redocly.code === 0 ? "clean" : redocly.output });
  const spectral = await run(tool("spectral"), ["lint", "../openapi.json", "--ruleset", ".spectral.yaml", "--fail-severity", "hint"]);
  rows.push({ what: "Spectral oas", holds: spectral.code === 0, told: spectral.code === 0 ? "clean" : spectral.output });
}

async function generate(address: string): Promise<void> {
  const postman = [
    "-s",
    "../openapi.json",
    "-o",
    "generated/postman.json",
    "-O",
    "parametersResolution=Example,folderStrategy=Tags,enableOptionalParameters=false",
  ];
  const steps: [string, string[]][] = [
    ["openapi-typescript", ["../openapi.json", "-o", "generated/openapi-typescript.ts"]],
    ["openapi-ts", ["-i", "../openapi.json", "-o", "generated/hey-api", "-c", "@hey-api/client-fetch"]],
    ["orval", ["--config", "orval.config.cjs"]],
    ["openapi2postmanv2", postman],
    ["tsc", ["-p", "tsconfig.json"]],
  ];
  for (const [name, args] of steps) {
    const { code, output } = await run(tool(name), args, { CAIRN_URL: address });
    rows.push({ what: name === "tsc" ? "the clients compile" : `${name} generates`, holds: code === 0, told: code === 0 ? "yes" : output.slice(-3_000) });
  }
}

type Parameter = { in: string; name: string; required?: boolean };
type Described = { operationId: string; parameters?: Partial<Parameter>[]; requestBody?: { content: Record<string, { example?: unknown }> } };

/** Every read of the sample organisation and a round of writes, through Prism. CSV is left out: Prism holds its text against the schema of the data. */
async function proxyRequests(proxy: string, { admin, analyst, lead }: Service["keys"]): Promise<void> {
  const { paths, components } = JSON.parse(readFileSync(path.join(ROOT, "openapi.json"), "utf8"));
  const samples = Object.fromEntries(
    Object.values(components.parameters as Record<string, { in: string; name: string; example?: string }>).map((each) => [each.name, each]),
  );
  const address = (url: string) =>
    url.replace(/\{(\w+)\}/g, (_, name) =>
      String(samples[name]?.example ?? (name === "number" ? 1 : name === "month" ? "2026-01" : "0193d5a0-6c00-7a31-9d4e-000000000000")),
    );
  const statuses = new Map<number, number>();
  const broken: string[] = [];
  let [operations, requests] = [0, 0];
  const send = async (key: string, method: string, url: string, body?: unknown) => {
    const headers: Record<string, string> = { Authorization: `Bearer ${key}`, ...(body !== undefined && { "Content-Type": "application/json" }) };
    const response = await fetch(proxy + url, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
    const text = await response.text();
    requests++;
    statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    if (/"urn:cairn:/.test(text) || response.ok) return;
    broken.push(`${method} ${url}: ${response.status} ${text.slice(0, 600)}`);
  };
  const all = Object.entries(paths as Record<string, Record<string, Described>>).flatMap(([url, methods]) =>
    Object.entries(methods).map(([method, each]) => ({ url, method, ...each })),
  );
  for (const { url, parameters = [] } of all.filter(({ method }) => method === "get")) {
    operations++;
    const asked = parameters.filter((each) => each.in === "query" && each.required).map(({ name }) => `${name}={learnerId}`);
    for (const key of [admin, analyst, lead]) await send(key, "GET", address([url, asked.join("&")].filter(Boolean).join("?")));
  }
  // What is deleted or erased comes last.
  const last = (method: string) => (method === "delete" ? 1 : 0);
  for (const { url, method, requestBody } of all.filter(({ method }) => method !== "get").sort((a, b) => last(a.method) - last(b.method))) {
    if (requestBody && !requestBody.content["application/json"]) continue;
    // They would end the keys that the others are sent with.
    if (/\/(subject|personal-data)$/.test(url)) continue;
    operations++;
    const body = requestBody?.content["application/json"]?.example;
    for (const key of [analyst, admin]) await send(key, method.toUpperCase(), address(url), body);
  }
  const told = `${requests} requests to ${operations} operations, ${broken.length} violations; answers: ${[...statuses]
    .sort()
    .map(([status, count]) => `${count} × ${status}`)
    .join(", ")}`;
  rows.push({ what: "Prism between a run of requests and the service", holds: broken.length === 0, told: [told, ...broken.slice(0, 20)].join("\n    ") });
}

type Collection = { item: { name: string }[] };
type Execution = { item: { name: string }; response?: { code: number }; request: { method: string } };

/** The converted collection, as it is, once with each key: a request succeeds if it does with one of them. What erases a person is in the last folder. */
async function runNewman({ address, keys }: Service): Promise<void> {
  const { item: folders } = JSON.parse(readFileSync(path.join(HERE, "generated/postman.json"), "utf8")) as Collection;
  const others = folders.filter(({ name }) => name !== "Learners").flatMap(({ name }) => ["--folder", name]);
  const answers = new Map<string, number[]>();
  for (const key of [keys.analyst, keys.lead, keys.admin]) {
    for (const chosen of [others, ["--folder", "Learners"]]) {
      const variables = ["--env-var", `baseUrl=${address}`, "--env-var", `bearerToken=${key}`];
      await run(tool("newman"), ["run", "generated/postman.json", ...chosen, ...variables, "--reporters", "json", "--reporter-json-export", REPORT]);
      const { executions } = JSON.parse(readFileSync(path.join(HERE, REPORT), "utf8")).run as { executions: Execution[] };
      for (const { item, request, response } of executions) {
        const name = `${request.method} ${item.name}`;
        answers.set(name, [...(answers.get(name) ?? []), response?.code ?? 0]);
      }
    }
  }
  const failed = [...answers].filter(([, codes]) => !codes.some((code) => code >= 200 && code < 300));
  const broken = [...answers].filter(([, codes]) => codes.some((code) => code === 0 || code >= 500));
  const told = `${answers.size - failed.length} of ${answers.size} requests succeed; the others, by key: ${failed.map(([name, codes]) => `${codes.join("/")} ${name}`).join("; ") || "none"}`;
  rows.push({ what: "Postman's collection, run by newman with each key", holds: failed.length <= MAY_FAIL && !broken.length, told });
}

const REPORT = "generated/newman.json";
// They ask for what the sample organisation has not (a key by its id, a draft of a path), or for what one before has done.
const MAY_FAIL = 32;

function tool(name: string): string {
  return path.join(HERE, "node_modules/.bin", name);
}

function run(command: string, args: string[], env: Record<string, string> = {}): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: HERE, env: { ...process.env, ...env } });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });
}

/** Starts what goes on running. @returns what it has told once it is there */
function start(command: string, args: string[], env: NodeJS.ProcessEnv, there: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: HERE, env });
    running.push(child);
    let told = "";
    const timer = setTimeout(() => reject(new Error(`${command} did not start:\n${told}`)), START_MS);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (data) => {
        told += data;
        if (there.test(told)) {
          clearTimeout(timer);
          setTimeout(resolve, 1_000, told);
        }
      });
    }
    child.on("exit", (code) => reject(new Error(`${command} ended with ${code}:\n${told}`)));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
