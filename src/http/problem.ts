import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { hasZodFastifySchemaValidationErrors, ResponseSerializationError } from "fastify-type-provider-zod";
import { z } from "zod";
import { constraintProblem, isRecordMissing, isUnavailable } from "../database/violations";
import { AppError, type Flaw, notFound, PROBLEMS, type ProblemCode } from "../errors";
import type { App } from "./app-type";

const MEDIA_TYPE = "application/problem+json";
const RETRY_AFTER_SECONDS = 2;

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
      .meta({ description: "Each flaw with its place: `#/…` in the body, `query/…`, `path/…` or `headers/…` elsewhere." }),
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
        errors: [{ pointer: "#/minutes", detail: "Too big: expected number to be <=1440" }],
        requestId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
      },
    ],
  });
export type Problem = z.infer<typeof Problem>;

// What any operation may answer, beside its own refusals.
const ALWAYS: ProblemCode[] = ["invalid-request", "unauthenticated", "internal", "unavailable"];

/** The error half of a route's `response`: the given codes and those that every operation has. */
export function problems(...codes: ProblemCode[]) {
  const all = [...ALWAYS, ...codes];
  const ofStatus = (status: number) => all.filter((code) => PROBLEMS[code].status === status);
  return Object.fromEntries(
    all.map((code) => {
      const same = ofStatus(PROBLEMS[code].status).map((each) => `\`${each}\`: ${PROBLEMS[each].title}.`);
      return [PROBLEMS[code].status, { description: same.join(" "), content: { [MEDIA_TYPE]: { schema: Problem } } }];
    }),
  );
}

/** Makes every failure of the app a problem: an unknown error is logged whole and shown blandly. */
export function answerProblems(app: App): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const problem = toAppError(error, request);
    if (problem.code === "internal") request.log.error({ err: error }, "unexpected error");
    else if (problem.code === "unavailable") request.log.warn({ err: error }, "database unavailable");
    return send(reply, request, problem);
  });
  app.setNotFoundHandler((request, reply) => send(reply, request, notFound()));
}

/** The problem's body, also for an item of a batch. */
export function problemBody(error: AppError, requestId: string): Problem {
  const { status, title } = PROBLEMS[error.code];
  const errors = error.flaws.length ? { errors: error.flaws } : {};
  return { type: `urn:cairn:problem:${error.code}`, code: error.code, title, status, detail: error.detail, ...errors, requestId };
}

function send(reply: FastifyReply, request: FastifyRequest, error: AppError) {
  const { status } = PROBLEMS[error.code];
  if (status === 401) reply.header("WWW-Authenticate", 'Bearer realm="cairn"');
  if (status === 503) reply.header("Retry-After", String(RETRY_AFTER_SECONDS));
  // As text, because a route need not list every problem that can befall it.
  return reply.status(status).header("Content-Type", MEDIA_TYPE).serializer(JSON.stringify).send(problemBody(error, request.id));
}

function toAppError(error: FastifyError, request: FastifyRequest): AppError {
  if (error instanceof AppError) return error;
  if (hasZodFastifySchemaValidationErrors(error)) {
    return new AppError("invalid-request", "Correct what `errors` lists and send the request again.", flawsOf(error));
  }
  if (error instanceof ResponseSerializationError) return new AppError("internal", INTERNAL);
  if (isRecordMissing(error)) return request.headers["if-match"] ? versionMismatch() : notFound();
  if (isUnavailable(error)) {
    return new AppError("unavailable", `The database cannot be reached or is busy. Nothing was changed; try again in ${RETRY_AFTER_SECONDS} seconds.`);
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
    case "FST_ERR_CTP_EMPTY_JSON_BODY":
    case "FST_ERR_CTP_INVALID_JSON_BODY":
      return new AppError("invalid-request", "The body is not JSON. Send one JSON object.", [{ pointer: "#", detail: "Not JSON." }]);
  }
  if (error.statusCode && error.statusCode >= 400 && error.statusCode < 500) {
    return new AppError("invalid-request", error.message);
  }
  return new AppError("internal", INTERNAL);
}

const INTERNAL = "The failure was logged under this request id. Try again; if it stays, tell whoever runs this service the id.";

const PLACES = { body: "#", querystring: "query", params: "path", headers: "headers" } as const;

type ValidationError = {
  validationContext?: string;
  validation: { instancePath: string; message?: string; params: { issue: z.core.$ZodIssue } }[];
};

function flawsOf(error: unknown): Flaw[] {
  const { validation, validationContext } = error as ValidationError;
  const place = PLACES[validationContext as keyof typeof PLACES] ?? "#";
  return validation.flatMap(({ instancePath, message, params: { issue } }) => flaws(place + instancePath, message, issue));
}

/** Also for what a service parses itself, such as one item of a batch. */
export function flawsOfIssues(issues: z.core.$ZodIssue[]): Flaw[] {
  return issues.flatMap((issue) => flaws(["#", ...issue.path.map(String)].join("/"), issue.message, issue));
}

function flaws(pointer: string, message: string | undefined, issue: z.core.$ZodIssue): Flaw[] {
  if (issue.code !== "unrecognized_keys") return [{ pointer, detail: message ?? "Not valid." }];
  return issue.keys.map((key) => ({ pointer: `${pointer}/${key}`, detail: "Unknown here. Remove it, or check how it is spelt." }));
}
