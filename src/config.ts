import { isIP } from "node:net";
import path from "node:path";
import { z } from "zod";
import { isMistyped } from "./api-keys/secret";
import { isGuessable } from "./api-keys/strength";
import { isTimeZone, WEEK_STARTS } from "./days";
import { flawsOf, parse } from "./flaws";

const port = z.coerce.number().int().min(0).max(65_535);
const count = z.coerce.number().int().positive();
// The longest that a timer can wait.
const milliseconds = z.coerce.number().int().min(1).max(2_147_483_647);
// A hundred years.
const LONGEST_DAYS = 36_500;
const percent = z.coerce.number().min(0).max(100);
const postgresUrl = z.string().regex(/^postgres(ql)?:\/\//, "Must begin with postgres:// or postgresql://.");
const onOff = z.enum(["on", "off"]).transform((value) => value === "on");

// Signatures that only the issuer can make. A shared secret would let whoever checks also sign.
const ASYMMETRIC = new Set(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]);

function isAddress(text: string): boolean {
  const [address = "", bits, ...rest] = text.split("/");
  return isIP(address) !== 0 && rest.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (isIP(address) === 4 ? 32 : 128)));
}

// The one table of settings. The README shows the same rows; a test compares them.
const Environment = z.object({
  HOST: z.string().min(1).default("127.0.0.1").describe("Address to listen on."),
  PORT: port.default(3000).describe("Port to listen on."),
  METRICS_PORT: port.optional().describe("A port of its own for `/metrics`, at HOST too. Unset: it is at PORT."),
  DATABASE_URL: postgresUrl.optional().describe("PostgreSQL 15 or later. Unset: an embedded one in DATA_DIR."),
  REPORTS_DATABASE_URL: postgresUrl.optional().describe("A replica of that database, which reports are read from. Unset: the database itself."),
  DATA_DIR: z.string().min(1).default(".cairn").describe("Where the embedded database keeps its files."),
  SAMPLE_DATA: onOff.default(true).describe("`off`: the embedded database's first start loads no sample organisation."),
  MIGRATE_ON_START: onOff.default(true).describe("`off`: start only on a database that `npm run migrate` brought up to date."),
  DATABASE_POOL_SIZE: count.default(10).describe("Connections to the database."),
  DATABASE_HEAVY_POOL_SIZE: z.coerce
    .number()
    .int()
    .min(0)
    .default(3)
    .describe("Further connections, for reports and exports alone; 0: these use the others. The embedded database has one connection in all."),
  DATABASE_CONNECT_TIMEOUT_MS: milliseconds.default(5_000).describe("How long a request waits for a connection."),
  DATABASE_STATEMENT_TIMEOUT_MS: z.coerce
    .number()
    .int()
    .min(0)
    .max(2_147_483_647)
    .default(20_000)
    .describe("How long one statement may take; 0 leaves that to the database (behind PgBouncer, set it on the role). The embedded one knows no such limit."),
  DATABASE_STATEMENT_NAMES: onOff
    .default(false)
    .describe("`on`: each connection keeps the plans of statements that it has seen. Not behind a pooler in transaction mode, which breaks them."),
  REQUEST_TIMEOUT_MS: milliseconds.default(25_000).describe("How long a client may take to send a request, and the service to answer it."),
  BODY_LIMIT_BYTES: count.default(1_048_576).describe("The largest body; a program's batch may have eight times as much."),
  IMPORT_LIMIT_BYTES: count.default(8_589_934_592).describe("The largest file that an import takes."),
  REQUESTS_AT_ONCE: count.default(1_000).describe("Requests being worked on beyond which more are turned away with 503."),
  DRAIN_MS: z.coerce
    .number()
    .int()
    .min(0)
    .max(600_000)
    .default(0)
    .describe("How long a stop still serves while `/readyz` says that it is stopping: longer than a balancer takes to notice."),
  SHUTDOWN_TIMEOUT_MS: milliseconds.default(10_000).describe("How long a stop then waits for requests under way."),
  RATE_LIMIT_PER_MINUTE: z.coerce
    .number()
    .int()
    .min(0)
    .default(6_000)
    .describe("Requests that one person, or a program's key, may make in a minute; 0: any number."),
  SIGN_IN_FAILURES_PER_MINUTE: z.coerce
    .number()
    .int()
    .min(0)
    .default(60)
    .describe(
      "Failed sign-ins of one address in a minute that are told what is wrong; more are answered with 429. Valid keys are always heard. 0: any number.",
    ),
  REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\//, "Must begin with redis:// or rediss://.")
    .optional()
    .describe("Where several processes count requests together. Unset: each by itself."),
  TRUST_PROXY: z
    .string()
    .transform((list) => list.split(",").map((address) => address.trim()))
    .refine((addresses) => addresses.every(isAddress), "Must be addresses or networks such as 10.0.0.0/8, joined by commas.")
    .optional()
    .describe("Proxies before the service, by address or network: what they say is the client's address. Unset: none."),
  CORS_ORIGINS: z
    .string()
    .transform((list) => list.split(",").map((origin) => origin.trim()))
    .refine(
      (origins) => origins.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin),
      "Must be origins such as https://dashboard.example, joined by commas.",
    )
    .optional()
    .describe("Web pages of these origins may call from a browser. Unset: none."),
  LOG_LEVEL: z.enum(["fatal", "error", "warn", "info", "debug", "silent"]).default("info").describe("What the log on standard output holds."),
  ADMIN_API_KEY: z
    .string()
    .regex(/^[\x21-\x7e]{32,200}$/, "Must be 32 to 200 printable characters without spaces. Make one with: openssl rand -hex 32")
    .refine((secret) => !isMistyped(secret), "Looks like a key of this service, but its checksum does not fit: copy it again, whole.")
    .refine((secret) => !isGuessable(secret), "Could be guessed: it repeats itself, or is made of words and runs. Make one with: openssl rand -hex 32")
    .optional()
    .describe(
      "An admin's key to accept, hard to guess: `openssl rand -hex 32`. Changed: the next start revokes the one before, with all keys that it made. Unset: the first start on an empty database prints one, and one that was set before stays.",
    ),
  OIDC_ISSUER: z
    .url({ protocol: /^https?$/, error: "Must be a web address that begins with http:// or https://." })
    .optional()
    .describe("The company's identity provider, whose access tokens (JWT) sign people in. Unset: API keys alone."),
  OIDC_AUDIENCE: z.string().min(1).optional().describe("The audience that a token must be for. Goes with OIDC_ISSUER."),
  OIDC_ALGORITHMS: z
    .string()
    .transform((list) => list.split(",").map((name) => name.trim()))
    .refine((names) => names.every((name) => ASYMMETRIC.has(name)), `Must be of ${[...ASYMMETRIC].join(",")}, joined by commas.`)
    .default(["RS256", "ES256", "EdDSA"])
    .describe("The signatures that are accepted."),
  OIDC_CLOCK_SKEW_SECONDS: z.coerce.number().int().min(0).max(300).default(30).describe("How far the provider's clock may be from this one."),
  OIDC_ACCESS_TOKEN_CLAIM: z
    .string()
    .regex(/^[^\s=]+(=[^\s=]+)?$/, "Must be the name of a claim, or a name and a value such as token_use=access.")
    .optional()
    .describe("How to tell an access token whose header does not say so (`typ: at+jwt`): a claim that it has, such as `scp`, or a claim and its value."),
  OIDC_MAX_TOKEN_AGE_SECONDS: count.max(2_592_000).default(86_400).describe("How long after it was issued a token is accepted, whatever it says itself."),
  OIDC_EXTERNAL_ID_CLAIM: z
    .string()
    .min(1)
    .optional()
    .describe(
      "The claim that holds a learner's `externalId`: by it somebody is known when they first sign in. Nobody may set it for themselves. Unset: by their address alone.",
    ),
  OIDC_TRUST_EMAIL: onOff
    .default(false)
    .describe(
      '`on`: e-mail addresses are taken as verified where the provider does not say (no `email_verified`, or the text "true"). Only where nobody enters an address there themselves.',
    ),
  OIDC_PROVISION: onOff.default(false).describe("`on`: whoever has a valid token and is not yet a learner becomes one."),
  OIDC_ADMIN_CLAIM: z.string().min(1).optional().describe("The claim that makes an admin when it holds OIDC_ADMIN_VALUE, such as `roles`."),
  OIDC_ADMIN_VALUE: z.string().min(1).default("cairn-admin").describe("See OIDC_ADMIN_CLAIM."),
  RETAIN_LEAVERS_DAYS: count
    .max(LONGEST_DAYS)
    .optional()
    .describe("Days after which `npm run retention` erases who is in no team and was neither seen nor heard of since. Unset: never."),
  RETAIN_AUDIT_DAYS: z.coerce
    .number()
    .int()
    .min(366, "Must be at least 366: the database keeps every event for a year.")
    .max(LONGEST_DAYS)
    .optional()
    .describe("Days after which it removes audit events, 366 at least. Unset: never."),
  TIME_ZONE: z
    .string()
    .refine(isTimeZone, "Must be an IANA time zone such as Europe/Berlin.")
    .default("UTC")
    .describe("The organisation's zone: whose today a team's report ends on, and a new learner's default."),
  WEEK_START: z
    .enum(WEEK_STARTS)
    .default("monday")
    .describe("The day on which the weeks of reports begin, unless `weekStart` says otherwise: `monday`, `sunday` or `saturday`."),
  TARGET: z
    .string()
    .regex(/^\d+\/\d+\/\d+$/, "Must look like 70/20/10.")
    .transform((text) => text.split("/").map(Number))
    .refine((target) => target.reduce((sum, share) => sum + share, 0) === 100, "Must add up to 100.")
    .default([70, 20, 10])
    .describe("The organisation's reference mix: on-the-job/social/formal."),
  DAY_MINUTES_LIMIT: count
    .max(2_147_483_647)
    .default(1_440)
    .describe("Minutes that may be logged for one person on one day. More is refused; what is there already stays."),
  LATE_AFTER_DAYS: count.max(LONGEST_DAYS).default(90).describe("Days after which a session that is logged comes with a warning."),
  SUFFICIENT_SESSIONS: count.default(5).describe("Sessions below which a report calls itself insufficient and ranks nothing."),
  SUFFICIENT_COVERAGE: percent.default(50).describe("Likewise: percent of eligible learners who logged something."),
});

export type Config = z.output<typeof Environment>;

export class ConfigError extends Error {
  override name = "ConfigError";
}

/** Every setting as the environment would say its default, and its words: the README's table. */
export function settings(): { name: string; default: string; description: string }[] {
  const defaults: Record<string, unknown> = Environment.parse({});
  return Object.entries(Environment.shape).map(([name, schema]) => ({ name, default: written(defaults[name]), description: schema.description ?? "" }));
}

/**
 * Reads the settings. An empty value counts as unset.
 *
 * @throws ConfigError naming every setting that is wrong, and how
 */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
  const result = parse(Environment, given);
  if (!result.success) {
    const { flaws } = flawsOf(result.error, given);
    throw wrong(...flaws.map(({ pointer, detail }) => `${pointer}: ${detail.charAt(0).toLowerCase()}${detail.slice(1)}`));
  }
  const { PORT, METRICS_PORT, OIDC_ISSUER, OIDC_AUDIENCE, REPORTS_DATABASE_URL, DATABASE_URL } = result.data;
  if (PORT && PORT === METRICS_PORT) throw wrong("METRICS_PORT: must be another than PORT.");
  if (!OIDC_ISSUER !== !OIDC_AUDIENCE) throw wrong("OIDC_AUDIENCE: goes with OIDC_ISSUER; set both or neither.");
  if (REPORTS_DATABASE_URL && !DATABASE_URL) throw wrong("REPORTS_DATABASE_URL: goes with DATABASE_URL, because the embedded database has no replica.");
  return { ...result.data, DATA_DIR: path.resolve(result.data.DATA_DIR) };
}

function wrong(...lines: string[]): ConfigError {
  return new ConfigError(`The configuration is wrong; correct these environment variables:\n${lines.map((line) => `  ${line}`).join("\n")}`);
}

function written(value: unknown): string {
  if (typeof value === "boolean") return value ? "on" : "off";
  return Array.isArray(value) ? value.join(typeof value[0] === "number" ? "/" : ",") : String(value ?? "");
}
