import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { settings } from "../src/config";

const readme = readFileSync(path.join(__dirname, "../README.md"), "utf8");

test("the README's table of settings is the configuration's own", () => {
  const lines = readme.split("\n").filter((line) => /^\| `[A-Z_]+` \|/.test(line));
  expect(lines).toEqual(settings().map(({ name, default: unset, description }) => `| \`${name}\` | ${unset ? `\`${unset}\`` : ""} | ${description} |`));
});

test("the README names only commands that exist", () => {
  const { scripts } = JSON.parse(readFileSync(path.join(__dirname, "../package.json"), "utf8"));
  const named = [...readme.matchAll(/npm run ([a-z:]+)/g)].map(([, name]) => name as string);
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});

describe("docker-compose.yml", () => {
  const compose = readFileSync(path.join(__dirname, "../docker-compose.yml"), "utf8");

  /** As Compose fills in variables. @throws where one that must be set is not */
  const filledIn = (environment: Record<string, string | undefined>) =>
    compose.replace(/\$\{(\w+):([?-])([^}]*)\}/g, (_, name, rule, words) => {
      if (environment[name]) return environment[name];
      if (rule === "?") throw new Error(words);
      return words;
    });

  test("starts on no password but one that was made for it", () => {
    for (const environment of [{}, { POSTGRES_PASSWORD: "" }]) expect(() => filledIn(environment)).toThrow("Put a password into .env first, as README.md says");
    const filled = filledIn({ POSTGRES_PASSWORD: "0123abcd" });
    expect(filled).toContain("DATABASE_URL: postgresql://cairn:0123abcd@postgres:5432/cairn");
    expect(filled).toContain("POSTGRES_PASSWORD: 0123abcd");
    expect(filled).not.toContain("$");
  });

  const [, command] = /^(test -f \.env .*)$/m.exec(readme) as unknown as [string, string];
  (process.platform === "win32" ? test.skip : test)("gets its password by the README's command, once", () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "cairn-env-"));
    execFileSync("sh", ["-c", `umask 022; ${command}`], { cwd: folder });
    const file = path.join(folder, ".env");
    const made = readFileSync(file, "utf8");
    expect(made).toMatch(/^POSTGRES_PASSWORD=[0-9a-f]{48}\n$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    execFileSync("sh", ["-c", command], { cwd: folder });
    expect(readFileSync(file, "utf8")).toBe(made);
    rmSync(folder, { recursive: true });
    expect(readFileSync(path.join(__dirname, "../.gitignore"), "utf8").split("\n")).toContain(".env");
  });
});
