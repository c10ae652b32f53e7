import { randomUUID } from "node:crypto";
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { FastifyError, FastifyReply, FastifyRequest, FastifySchemaCompiler } from "fastify";
import { z } from "zod";
import { constraintProblem, isDiskFull, isRecordMissing, isUnavailable } from "../database/violations";
import { AppError, firstFlaws, MOST_FLAWS, notFound, PROBLEMS, type ProblemCode } from "../errors";
import { readAs } from "../flaws";
import type { App } from "./app-type";
import { BROWSER_HEADERS } from "./hardening";
import { isLongUpload } from "./long-requests";
import { methodsOfRoutes } from "./methods";
import { asksForVersion } from "./preconditions";
import { Id } from "./schema";

const MEDIA_TYPE = "application/problem+json";
const RETRY_AFTER_SECONDS = 2;
const LINGER_MS = 1_000;
const MOST_FLAWS_TOGETHER = 1_000;

export const Problem = z
  .object({
    type: z.string().meta({ description: "Stable; one for each code." }),
    code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: "What is wrong this time, and what to do about it." }),
    errors: z
      .array(z.object({ pointer: z.string(), detail: z.string() }))
      .optional()
      .meta({
        description: `Each flaw with its place: \`#/…\` in the body, \`query/…\`, \`path/…\` or \`headers/…\` elsewhere. Of more than ${MOST_FLAWS} a last entry, whose place is \`#\`, says how many were left out. Long places are cut.`,
      }),
    survivorId: Id.optional().meta({
      description: "Of `learner-merged`: the record into which it was merged. The header `Link` (`rel=canonical`) leads to the same there.",
    }),
    requestId: z.string(),
  })
  .meta({
    id: "Problem",
    description: "RFC 9457 problem details.",
    examples: [
      {
        type: "urn:cairn:problem:invalid-request",
        code: "invalid-request",
        title: "The request is not valid",
        status: 400,
        detail: "Correct what `errors` lists and send the request again.",
        errors: [{ pointer: "#/minutes", detail: "Must be a whole number from 1 to 1440. It is 1441." }],
        requestId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
      },
    ],
  });
export type Problem = z.infer<typeof Problem>;

// What any operation may answer, beside its own refusals; and any but a GET.
const ALWAYS: ProblemCode[] = ["invalid-request", "unauthenticated", "too-many-requests", "internal", "unavailable"];
export const OF_BODIES: ProblemCode[] = ["body-too-large", "unsupported-media-type"];

/** The error half of a route's `response`: the given codes and those that every operation has. */
export function problems(...codes: ProblemCode[]) {
  return onlyProblems(...ALWAYS, ...codes);
}

export function onlyProblems(...codes: ProblemCode[]) {
  const ofStatus = (status: number) => codes.filter((code) => PROBLEMS[code].status === status);
  return Object.fromEntries(
    codes.map((code) => {
      const same = ofStatus(PROBLEMS[code].status).map((each) => `\`${each}\`: ${PROBLEMS[each].title}.`);
      return [PROBLEMS[code].status, { description: same.join(" "), content: { [MEDIA_TYPE]: { schema: Problem } } }];
    }),
  );
}

/** A route's `response` with one more problem among those of its status. */
export function withProblem(response: object, code: ProblemCode): object {
  const { status } = PROBLEMS[code];
  const added = onlyProblems(code)[status] as { description: string };
  const { description } = ((response as Record<number, unknown>)[status] ?? {}) as { description?: string };
  return { ...response, [status]: { ...added, description: [description, added.description].filter(Boolean).join(" ") } };
}

/**
 * Makes every failure of the app a problem: an unknown error is logged whole and shown blandly. Call it before the routes are registered.
 *
 * @param findMissing names which of several ids of an address led to nothing
 */
export function answerProblems(app: App, findMissing: (request: FastifyRequest) => Promise<string | undefined> = async () => undefined): void {
  const refuse = methodsOfRoutes(app);
  app.setErrorHandler(async (error: FastifyError, request, reply) => {
    const problem = asProblem(error, request);
    return send(reply, request, isNothing(problem) ? notFound(await placeOfMissing(request)) : problem);
  });
  const placeOfMissing = async (request: FastifyRequest) => {
    const name = await findMissing(request);
    return name && `path/${name}`;
  };
  app.setNotFoundHandler((request, reply) => {
    const { refusal, allowed } = refuse(request);
    if (allowed.length) reply.header("Allow", allowed.join(", "));
    return send(reply, request, refusal);
  });
}

/** Whether something was not found, and it was not said what. */
function isNothing({ code, detail, flaws }: AppError): boolean {
  return code === "not-found" && !flaws.length && detail === notFound().detail;
}

/** What to say of a failure, which is logged where it is this service's own. */
export function asProblem(error: unknown, request: FastifyRequest): AppError {
  const problem = toAppError(error as FastifyError, request);
  if (problem.code === "internal") request.log.error({ err: error }, "unexpected error");
  else if (problem.code === "unavailable" && problem !== error) request.log.warn({ err: error }, "database unavailable");
  return problem;
}

// What hooks set on other answers.
const EARLY_HEADERS = { ...BROWSER_HEADERS, "Cache-Control": "private, no-store" };

/** The server's options by which what fails before any route is reached is a problem, too. */
export const earlyProblems = {
  frameworkErrors(error: FastifyError, request: FastifyRequest, reply: FastifyReply) {
    send(reply.headers({ ...EARLY_HEADERS, "X-Request-Id": request.id }), request, fromFastify(error));
  },
  clientErrorHandler(error: Error & { code?: string }, socket: Socket) {
    // ECONNRESET: nobody is left to answer.
    if (socket.destroyed || !socket.writable || error.code === "ECONNRESET") return;
    if (error.code === "ERR_HTTP_REQUEST_TIMEOUT" && isLongUpload(socket)) return;
    const problem = unreadable(error.code);
    const id = randomUUID();
    const body = JSON.stringify(problemBody(problem, id));
    const { status } = PROBLEMS[problem.code];
    const headers = { "Content-Type": MEDIA_TYPE, "Content-Length": Buffer.byteLength(body), Connection: "close", ...EARLY_HEADERS, "X-Request-Id": id };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n${body}`);
    // Whoever goes on sending would keep the connection.
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  },
};

function unreadable(code: string | undefined): AppError {
  if (code === "HPE_HEADER_OVERFLOW") return new AppError("headers-too-large", "Send fewer or shorter headers, and a shorter address.");
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return new AppError("request-timeout", "Send the whole request at once, or less of it.");
  return new AppError("invalid-request", "This is not HTTP as RFC 9112 writes it.");
}

/** The problem's body, also for an item of a batch. */
export function problemBody(error: AppError, requestId: string): Problem {
  const { status, title } = PROBLEMS[error.code];
  const errors = error.flaws.length ? { errors: error.flaws } : {};
  const survivor = error.survivorId ? { survivorId: error.survivorId } : {};
  return { type: `urn:cairn:problem:${error.code}`, code: error.code, title, status, detail: error.detail, ...errors, ...survivor, requestId };
}

/** Makes the problems of an answer that holds many: together they list a thousand flaws, and after that one each. */
export function problemBodies(requestId: string): (error: AppError) => Problem {
  let left = MOST_FLAWS_TOGETHER;
  return (error) => {
    const { errors, ...problem } = problemBody(error, requestId);
    if (!errors) return problem;
    const listed = left >= errors.length ? errors : firstFlaws(error.flaws, Math.max(1, left), error.flawCount);
    left -= listed.length;
    return { ...problem, errors: listed };
  };
}

function send(reply: FastifyReply, request: FastifyRequest, error: AppError) {
  const { status } = PROBLEMS[error.code];
  if (status === 401) reply.header("WWW-Authenticate", 'Bearer realm="cairn"');
  const retryAfter = error.retryAfterSeconds ?? (status === 503 ? RETRY_AFTER_SECONDS : undefined);
  if (retryAfter !== undefined) reply.header("Retry-After", String(retryAfter));
  const { learnerId } = (request.params ?? {}) as { learnerId?: string };
  const [path = ""] = request.url.split("?");
  // Ids beneath the learner stay what they were, so the same address leads on with the survivor's id.
  if (error.survivorId && learnerId) reply.header("Link", `<${path.replace(learnerId, error.survivorId)}>; rel="canonical"`);
  // As text, because a route need not list every problem that can befall it.
  return reply.status(status).header("Content-Type", MEDIA_TYPE).serializer(JSON.stringify).send(problemBody(error, request.id));
}

function toAppError(error: FastifyError, request: FastifyRequest): AppError {
  if (error instanceof AppError) return error;
  if (isRecordMissing(error)) return asksForVersion(request) ? versionMismatch() : notFound();
  if (isUnavailable(error)) {
    return new AppError("unavailable", isDiskFull(error) ? FULL : BUSY);
  }
  return constraintProblem(error) ?? fromFastify(error);
}

function versionMismatch(): AppError {
  return new AppError("version-mismatch", "It was changed or deleted since it was read. Read it again, decide again, and send the change with the new ETag.");
}

function fromFastify(error: FastifyError): AppError {
  switch (error.code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return new AppError("body-too-large", "Send less at once, for example a batch in several parts.");
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
    case "FST_ERR_CTP_INVALID_CONTENT_TYPE":
      return new AppError("unsupported-media-type", "Send JSON, with the header Content-Type: application/json.");
    case "FST_ERR_BAD_URL":
    case "FST_ERR_MAX_PARAM_LENGTH":
      return new AppError("invalid-request", "The address is not well-formed, or a part of it is too long. Check it.");
    case "FST_ERR_HANDLER_TIMEOUT":
      return new AppError("unavailable", BUSY);
  }
  if (error.statusCode && error.statusCode >= 400 && error.statusCode < 500) {
    return new AppError("invalid-request", error.message);
  }
  return new AppError("internal", INTERNAL);
}

const BUSY =
  "The database cannot be reached or is busy. Try again after the seconds in Retry-After; what carries an Idempotency-Key or an id of your own is safe to repeat.";

const FULL =
  "The disk of the database is full, so nothing was stored; what is there can be read. Tell whoever runs this service, and send it again when there is room.";

const INTERNAL = "The failure was logged under this request id. Try again; if it stays, tell whoever runs this service the id.";

const PLACES: Record<string, string> = { body: "#", querystring: "query", params: "path", headers: "headers" };

/** Parses a part of a request by its Zod schema; what is wrong becomes a problem that points at each flaw. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart = "body" }) => {
  const place = PLACES[httpPart] ?? "#";
  return (data) => {
    const { error, data: value } = readAs(schema, data, place);
    return error ? { error } : { value };
  };
};
