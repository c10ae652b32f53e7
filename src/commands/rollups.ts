import { parseArgs } from "node:util";
import { z } from "zod";
import { readConfig } from "../config";
import { connect } from "../database/connect";
import { prepareSchema } from "../database/migrate";
import { EXIT, exitWith, UsageError } from "../exit";
import { flawsOf, parse } from "../flaws";
import { differingMonths, mendMonths } from "../study-sessions/learner-months";
import { bar } from "./bar";

const USAGE =
  "Say what to do: `npm run rollups` compares the sums of months with the sessions, `npm run rollups -- --mend` also sums up anew those that differ; `--from 2026-01-01 --through 2026-03-31` looks at those months alone.";

const Options = z.strictObject({ mend: z.boolean().optional(), from: z.iso.date().optional(), through: z.iso.date().optional() });

/** Compares the sums of months with the sessions, and with `--mend` sets them right. The service may run meanwhile. */
async function main(words: string[]): Promise<void> {
  const { mend, ...months } = readOptions(words);
  const database = await connect(readConfig());
  try {
    await prepareSchema(database.pool, { MIGRATE_ON_START: false });
    const people = await database.db.learner.count();
    let [compared, differing, mended] = [0, 0, 0];
    for await (const some of differingMonths(database.db, months)) {
      for (const { learnerId, month } of some.differing) console.log(`${learnerId}  ${month.slice(0, 7)} differs`);
      differing += some.differing.length;
      if (mend && some.differing.length) mended += await mendMonths(database.db, some.differing);
      compared += some.people;
      showProgress(compared / people);
    }
    console.log(`The months of ${compared} people were compared with their sessions: ${differing} differ${mend ? `, ${mended} were summed up anew` : ""}.`);
    if (differing && !mend) process.exitCode = EXIT.failure;
  } finally {
    await database.close();
  }
}

function readOptions(words: string[]): z.infer<typeof Options> {
  const given = splitOptions(words);
  const { data, error } = parse(Options, given);
  if (!error) return data;
  throw new UsageError(
    `${flawsOf(error, given)
      .flaws.map(({ pointer, detail }) => `--${pointer}: ${detail}`)
      .join("\n")}\n${USAGE}`,
  );
}

function splitOptions(words: string[]): object {
  try {
    return parseArgs({ args: words, options: { mend: { type: "boolean" }, from: { type: "string" }, through: { type: "string" } } }).values;
  } catch {
    throw new UsageError(USAGE);
  }
}

const WIDTH = 40;

function showProgress(share: number): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(`\r${bar(Math.min(1, share), WIDTH)}${share >= 1 ? "\n" : ""}`);
}

main(process.argv.slice(2)).catch(exitWith);
