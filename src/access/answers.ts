import type { FastifyContextConfig, FastifyRequest } from "fastify";
import { recordShown } from "../audit/audit.routes";
import { isRecorded } from "../audit/changes";
import type { Context } from "../context";
import { AppError } from "../errors";
import type { App } from "../http/app-type";
import { receiptOf } from "../http/receipt";
import type { Guard } from "./guards";

declare module "fastify" {
  interface FastifyContextConfig {
    /** What the answer to a write shows. Every route but a GET says so. */
    answers?: Answers;
  }
}

/**
 * `nothing`: the answer has no body. `outcomes`: ids, counts and what became of each. Otherwise the
 * id of the operation that reads the same: whoever may not read it so is answered with a receipt.
 */
export type Answers = "nothing" | "outcomes" | Reading | { as: Reading; to: Guard };
type Reading = `get${string}` | `list${string}` | `preview${string}`;

type Read = { url: string; guard: Guard; config: FastifyContextConfig };

/**
 * Holds every answer to a write to what its caller may read: the guard of the read decides, with
 * each request anew, also where a stored answer is sent again. What is shown of somebody else's
 * without having been changed by this request is recorded as a read.
 */
export function holdAnswers(app: App, { db }: Pick<Context, "db">): void {
  const reads = new Map<string, Read>();
  const named = new Set<string>();
  app.addHook("onRoute", (route) => {
    const { method, url, schema, preHandler } = route;
    if (method === "HEAD") return;
    if (method === "GET") {
      reads.set(schema?.operationId ?? url, { url, guard: preHandler as unknown as Guard, config: route.config ?? {} });
      return;
    }
    const answers = route.config?.answers;
    if (!answers) throw new Error(`${String(method)} ${url} does not say what its answer shows`);
    if (answers === "nothing" || answers === "outcomes") return;
    named.add(readOf(answers));
    route.config = { ...route.config, receipt: url.includes(":learnerId") && (typeof answers === "string" || answers.to !== (preHandler as unknown)) };
  });
  app.addHook("onReady", async () => {
    for (const name of named) if (!reads.has(name)) throw new Error(`An answer is to show what ${name} shows, and there is no such operation`);
  });

  const mayRead = (request: FastifyRequest, answers: Exclude<Answers, "nothing" | "outcomes">) =>
    letsThrough(typeof answers === "string" ? (reads.get(answers) as Read).guard : answers.to, request);

  app.addHook("preSerialization", async (request, reply, answer) => {
    const { answers } = request.routeOptions.config;
    if (!answers || answers === "nothing" || answers === "outcomes" || reply.statusCode >= 300) return answer;
    const name = readOf(answers);
    const { url, config } = reads.get(name) as Read;
    if (!(await mayRead(request, answers))) return receiptOf(reply, answer as object, url, request.params as Record<string, string>);
    // One that a list shows is a page of its own.
    const shown = name.startsWith("list") ? { items: [answer] } : (answer as object);
    if (!isRecorded(request)) await recordShown(db, request, shown, config);
    return answer;
  });

  // A refusal is an answer, too: it quotes what is stored only to whoever may read it.
  app.setErrorHandler(async (error, request) => {
    const { answers } = request.routeOptions.config;
    if (!(error instanceof AppError) || !error.unread || !answers || answers === "nothing" || answers === "outcomes") throw error;
    throw (await mayRead(request, answers)) ? error : new AppError(error.code, error.unread, [], error.retryAfterSeconds);
  });
}

function readOf(answers: Exclude<Answers, "nothing" | "outcomes">): Reading {
  return typeof answers === "string" ? answers : answers.as;
}

async function letsThrough(guard: Guard, request: FastifyRequest): Promise<boolean> {
  try {
    await guard(request);
    return true;
  } catch (error) {
    if (error instanceof AppError && (error.code === "forbidden" || error.code === "not-found")) return false;
    throw error;
  }
}
