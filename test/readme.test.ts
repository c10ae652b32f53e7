import { readFileSync } from "node:fs";
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
