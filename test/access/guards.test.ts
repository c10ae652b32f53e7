import type { FastifyRequest } from "fastify";
import type * as guards from "../../src/access/guards";
import type { PrismaClient } from "../../src/generated/prisma/client";
import { startApp, type TestApp } from "../setup/app";
import { CALLERS, type Caller, type Row, rows } from "./authorization/table";
import { type Issuer, startIssuer } from "./authorization/token-issuer";
import { buildWorld } from "./authorization/world";
import { type Stage, setStage, WRITE_ONLY, wrongCells } from "./authorization/wrong-cells";
import { everyOperation } from "./operations";

// A deliberate hole: the guard of this name lets through whoever signed in. Which guard each
// operation has is seen when it is asked.
let mockOpen: string | null = null;
const mockGuardsOf = new Map<string, string[]>();

jest.mock("../../src/access/guards", () => {
  const real: typeof guards = jest.requireActual("../../src/access/guards");
  const holed = (name: string, guard: (request: FastifyRequest) => Promise<void>) => async (request: FastifyRequest) => {
    const route = `${request.method} ${request.routeOptions.url}`;
    // The route's own comes first, and after it that of what its answer shows.
    mockGuardsOf.set(route, [...new Set([...(mockGuardsOf.get(route) ?? []), name])]);
    if (name !== mockOpen) await guard(request);
  };
  return {
    ...real,
    createGuards: (db: PrismaClient) => Object.fromEntries(Object.entries(real.createGuards(db)).map(([name, guard]) => [name, holed(name, guard)])),
  };
});

const real: typeof guards = jest.requireActual("../../src/access/guards");
// To let through whoever signed in, or anybody, is all that these do.
const names = Object.keys(real.createGuards({} as PrismaClient)).filter((name) => !["signedIn", "anybody"].includes(name));

let api: TestApp;
let issuer: Issuer;
let stage: Stage;
beforeAll(async () => {
  issuer = await startIssuer();
  api = await startApp(issuer.settings);
  stage = await setStage(api, issuer);
  for (const row of rows) expect(await wrongCells(stage, row, ["a lead elsewhere", ...writersOf(row)])).toEqual([]);
});
beforeEach(() => {
  mockOpen = null;
});
afterAll(async () => {
  await api.close();
  issuer.close();
});

test.each(names)("without %s the table is wrong about every operation that it guards", async (name) => {
  const guarded = everyOperation.filter(({ method, path, operationId }) => {
    const [own, ...ofAnswer] = mockGuardsOf.get(`${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`) ?? [];
    // It guards answers where somebody may write what they may not read.
    return own === name || (ofAnswer.includes(name) && rows.some((row) => row.operationId === operationId && writersOf(row).length));
  });
  expect(guarded).not.toEqual([]);
  mockOpen = name;
  const holes = await Promise.all(
    guarded.map(async ({ operationId }) => ((await isWrongAbout(rows.filter((row) => row.operationId === operationId))) ? [] : [operationId])),
  );
  expect(holes.flat()).toEqual([]);
});

/** Who does what the row says without being let to read it. */
function writersOf(row: Row): Caller[] {
  return WRITE_ONLY.filter((caller) => row.marks[caller] === "+" && !/^(get|list|export|preview)/.test(row.operationId));
}

/** Whether a cell that should be refused is not as the table says. What went through changes a world that is not used again. */
async function isWrongAbout(cases: Row[]): Promise<boolean> {
  const world = await buildWorld(api, issuer);
  for (const row of cases) {
    const refused = CALLERS.filter((caller) => row.marks[caller] !== "+" && row.marks[caller] !== "?" && !caller.endsWith(", after"));
    for (const caller of [...refused, ...writersOf(row)]) {
      if ((await wrongCells({ ...stage, shared: world }, row, [caller])).length) return true;
    }
  }
  return false;
}
