import { readdir } from "node:fs/promises";
import { parseArgs } from "node:util";
import { Stage } from "./stage";

// npm run drill -- name [--quick]
// Faults on purpose, on a PostgreSQL of the drill's own. Ends with one line of figures; the exit
// code is 1 where something was lost, doubled or told wrongly. --quick takes seconds.

export type Drill = (stage: Stage, quick: boolean) => Promise<Figures>;
/** What came of it. `flaws` says in words what went wrong; nothing, if it went well. */
export type Figures = { flaws: string[]; [figure: string]: number | string | string[] };

const ENDING = ".drill.ts";
const SHOWN = 10;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { quick: { type: "boolean" } } });
  const known = (await readdir(__dirname)).filter((file) => file.endsWith(ENDING)).map((file) => file.slice(0, -ENDING.length));
  const unknown = positionals.filter((name) => !known.includes(name));
  if (!positionals.length || unknown.length) throw new Error(`Name drills: ${known.join(", ")}.`);
  for (const name of positionals) {
    const stage = await Stage.open();
    try {
      const { drill } = (await import(`./${name}${ENDING}`)) as { drill: Drill };
      const { flaws, ...figures } = await Promise.race([drill(stage, values.quick ?? false), unhandled()]);
      for (const flaw of flaws.slice(0, SHOWN)) console.error(`${name}: ${flaw}`);
      console.log(JSON.stringify({ drill: name, ...figures, flaws: flaws.length }));
      if (flaws.length) process.exitCode = 1;
    } finally {
      await stage.close();
    }
  }
}

/** What people in the background met with ends the drill as well. */
function unhandled(): Promise<never> {
  return new Promise((_, reject) => process.once("unhandledRejection", reject));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
