import path from "node:path";
import { ConfigError, readConfig, settings } from "../src/config";

test("with nothing set the service runs on this machine alone, on an embedded database", () => {
  const config = readConfig({});
  expect([config.DATABASE_URL, config.ADMIN_API_KEY]).toEqual([undefined, undefined]);
  expect(config).toMatchObject({
    HOST: "127.0.0.1",
    PORT: 3000,
    DATA_DIR: path.resolve(".cairn"),
    MIGRATE_ON_START: true,
    DATABASE_POOL_SIZE: 10,
    DATABASE_CONNECT_TIMEOUT_MS: 5_000,
    DATABASE_STATEMENT_TIMEOUT_MS: 20_000,
    REQUEST_TIMEOUT_MS: 25_000,
    BODY_LIMIT_BYTES: 1_048_576,
    SHUTDOWN_TIMEOUT_MS: 10_000,
    LOG_LEVEL: "info",
    TIME_ZONE: "UTC",
    TARGET: [70, 20, 10],
    SUFFICIENT_SESSIONS: 5,
    SUFFICIENT_COVERAGE: 50,
  });
});

test.each([
  ["HOST", "0.0.0.0", "0.0.0.0"],
  ["PORT", "0", 0],
  ["DATABASE_URL", "postgresql://cairn@db/cairn", "postgresql://cairn@db/cairn"],
  ["MIGRATE_ON_START", "off", false],
  ["ADMIN_API_KEY", "k8Zq2vXw9LmT4rYc7NbH1sPd6FgJ3uEa", "k8Zq2vXw9LmT4rYc7NbH1sPd6FgJ3uEa"],
  ["TIME_ZONE", "Europe/Stockholm", "Europe/Stockholm"],
  ["TARGET", "60/25/15", [60, 25, 15]],
  ["TARGET", "100/0/0", [100, 0, 0]],
  ["SUFFICIENT_COVERAGE", "0", 0],
])("%s=%s", (name, given, read) => {
  expect(readConfig({ [name]: given })).toHaveProperty(name, read);
});

test("an empty value counts as unset, and what is not a setting is left alone", () => {
  expect(readConfig({ PORT: "", DATABASE_URL: "", TARGET: "", ADMIN_API_KEY: "", PATH: "/usr/bin" })).toEqual(readConfig({}));
});

test.each([
  ["PORT", "http"],
  ["PORT", "65536"],
  ["PORT", "-1"],
  ["PORT", "3000.5"],
  ["DATABASE_URL", "mysql://db/cairn"],
  ["MIGRATE_ON_START", "yes"],
  ["DATABASE_POOL_SIZE", "0"],
  ["DATABASE_CONNECT_TIMEOUT_MS", "-5"],
  ["DATABASE_STATEMENT_TIMEOUT_MS", "1.5"],
  ["REQUEST_TIMEOUT_MS", "30s"],
  ["BODY_LIMIT_BYTES", "1MB"],
  ["SHUTDOWN_TIMEOUT_MS", "0"],
  ["LOG_LEVEL", "loud"],
  ["RETAIN_LEAVERS_DAYS", "0"],
  ["RETAIN_LEAVERS_DAYS", "36501"],
  ["RETAIN_AUDIT_DAYS", "365"],
  ["RETAIN_AUDIT_DAYS", "1e12"],
  ["ADMIN_API_KEY", "too-short"],
  ["ADMIN_API_KEY", "a".repeat(40)],
  ["ADMIN_API_KEY", "0123456789abcdef0123456789abcdef"],
  ["ADMIN_API_KEY", "changeme-changeme-changeme-changeme"],
  ["ADMIN_API_KEY", "an-admin-key-for-tests-0123456789abcdef"],
  ["ADMIN_API_KEY", "your-very-long-and-random-admin-key-goes-here"],
  ["OIDC_ACCESS_TOKEN_CLAIM", "=access"],
  ["OIDC_MAX_TOKEN_AGE_SECONDS", "0"],
  ["ADMIN_API_KEY", `${"a".repeat(40)} ${"b".repeat(40)}`],
  ["TIME_ZONE", "+02:00"],
  ["TIME_ZONE", "Mars/Olympus"],
  ["TARGET", "70-20-10"],
  ["TARGET", "70/20"],
  ["TARGET", "70/20/20"],
  ["TARGET", "170/-70/0"],
  ["SUFFICIENT_SESSIONS", "many"],
  ["SUFFICIENT_COVERAGE", "101"],
])("%s=%s is refused by name", (name, value) => {
  expect(() => readConfig({ [name]: value })).toThrow(ConfigError);
  expect(() => readConfig({ [name]: value })).toThrow(`  ${name}: `);
});

// Beyond 2³¹ − 1 ms a timer of Node's fires at once.
test.each(["REQUEST_TIMEOUT_MS", "SHUTDOWN_TIMEOUT_MS", "DATABASE_CONNECT_TIMEOUT_MS", "DATABASE_STATEMENT_TIMEOUT_MS"])(
  "%s of longer than a timer can wait is refused",
  (name) => {
    expect(() => readConfig({ [name]: "2147483648" })).toThrow(`  ${name}: `);
  },
);

test("every wrong setting is named at once", () => {
  expect(() => readConfig({ PORT: "http", TARGET: "1/2/3", HOST: "::1" })).toThrow(/PORT: .*\n {2}TARGET: must add up to 100\. It is "1\/2\/3"\.$/);
});

test("a refused secret is not repeated", () => {
  expect(() => readConfig({ ADMIN_API_KEY: "hunter2" })).not.toThrow("hunter2");
});

test("the table of settings gives each its words, and the default as one would set it", () => {
  const table = settings();
  expect(table).toContainEqual({ name: "TARGET", default: "70/20/10", description: expect.stringContaining("reference mix") });
  expect(table).toContainEqual({ name: "MIGRATE_ON_START", default: "on", description: expect.any(String) });
  expect(table).toContainEqual({ name: "DATABASE_URL", default: "", description: expect.any(String) });
  expect(table.filter(({ description }) => !description)).toEqual([]);
  expect(readConfig(Object.fromEntries(table.map((row) => [row.name, row.default])))).toEqual(readConfig({}));
});

test.each([{ OIDC_ISSUER: "https://id.example" }, { OIDC_AUDIENCE: "https://cairn.example" }])("an issuer and its audience go together: %j", (environment) => {
  expect(() => readConfig(environment)).toThrow("OIDC_AUDIENCE: goes with OIDC_ISSUER; set both or neither");
});

test("metrics have another port than everything else", () => {
  expect(() => readConfig({ METRICS_PORT: "3000" })).toThrow("  METRICS_PORT: must be another than PORT");
  expect([readConfig({}).METRICS_PORT, readConfig({ METRICS_PORT: "9464" }).METRICS_PORT]).toEqual([undefined, 9464]);
});

test("a replica for reports goes with the database that it follows", () => {
  const REPORTS_DATABASE_URL = "postgresql://replica/cairn";
  expect(() => readConfig({ REPORTS_DATABASE_URL })).toThrow("  REPORTS_DATABASE_URL: goes with DATABASE_URL, because the embedded database has no replica");
  expect(readConfig({ REPORTS_DATABASE_URL, DATABASE_URL: "postgresql://db/cairn" })).toHaveProperty("REPORTS_DATABASE_URL", REPORTS_DATABASE_URL);
});

test.each(["HS256", "none", "RS256,HS256", ""])("signatures that others than the issuer can make are refused: %s", (OIDC_ALGORITHMS) => {
  if (OIDC_ALGORITHMS) expect(() => readConfig({ OIDC_ALGORITHMS })).toThrow("OIDC_ALGORITHMS: must be of RS256");
  else expect(readConfig({ OIDC_ALGORITHMS }).OIDC_ALGORITHMS).toEqual(["RS256", "ES256", "EdDSA"]);
});

test.each(["10.0.0.1", "10.0.0.0/8, 192.168.1.1", "::1", "fd00::/8"])("proxies are trusted by address or network: %s", (TRUST_PROXY) => {
  expect(readConfig({ TRUST_PROXY }).TRUST_PROXY).toEqual(TRUST_PROXY.split(", "));
});

test.each(["true", "*", "10.0.0.0/33", "10.0.0.1/8/9", "proxy.example", "1"])("whoever could be anybody is no trusted proxy: %s", (TRUST_PROXY) => {
  expect(() => readConfig({ TRUST_PROXY })).toThrow("TRUST_PROXY: must be addresses or networks");
});

test.each(["*", "https://dashboard.example/", "dashboard.example", "https://a.example,*"])("no origin: %s", (CORS_ORIGINS) => {
  expect(() => readConfig({ CORS_ORIGINS })).toThrow("CORS_ORIGINS: must be origins");
});
