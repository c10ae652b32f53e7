import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const ROOT = path.join(__dirname, "../..");
const COPIED = ["prisma", "src", "prisma.config.ts", "package.json", "tsconfig.json"];

let copy: string;
beforeAll(async () => {
  copy = await mkdtemp(path.join(tmpdir(), "cairn-column-"));
  for (const name of COPIED) await cp(path.join(ROOT, name), path.join(copy, name), { recursive: true });
  await symlink(path.join(ROOT, "node_modules"), path.join(copy, "node_modules"), "dir");
  await writeFile(path.join(copy, "tsconfig.erasure.json"), JSON.stringify({ extends: "./tsconfig.json", include: ["src"] }));
});
afterAll(() => rm(copy, { recursive: true, force: true }));

/** What the compiler says of the erasure in the copy; "" when it compiles. */
async function compile(): Promise<string> {
  const bin = (name: string) => path.join(ROOT, "node_modules/.bin", name);
  await run(bin("prisma"), ["generate"], { cwd: copy });
  return run(bin("tsc"), ["-p", "tsconfig.erasure.json"], { cwd: copy }).then(
    () => "",
    ({ stdout }: { stdout: string }) => stdout,
  );
}

/** Compiles with lines in the schema that are not there yet, before one that is. */
async function compileWith(planted: string, before: string): Promise<string> {
  const schema = path.join(copy, "prisma/schema.prisma");
  const text = await readFile(schema, "utf8");
  expect(text).toContain(before);
  await writeFile(schema, text.replace(before, `${planted}\n${before}`));
  try {
    return await compile();
  } finally {
    await writeFile(schema, text);
  }
}

test("a new column or model does not compile before somebody says what an erasure does with it", async () => {
  expect(await compile()).toBe("");
  const column = await compileWith("  nickname String?", "  /// Whether those who may see the session may read its note.");
  expect(column).toContain("src/personal-data/models.ts");
  expect(column).toContain("Property 'nickname' is missing");
  const model = await compileWith("model Diary {\n  id    String @id @db.Uuid\n  words String\n}\n", "/// The secret itself is shown once and never stored.");
  expect(model).toContain("Property 'Diary' is missing");
}, 300_000);
