import { type FastifyRequest, type FastifyServerOptions, LogController } from "fastify";

/** Where log lines go instead of to standard output. */
export type LogStream = { write(line: string): void };

/** A log tells what happened, never of whom or in whose words. What is said of a request carries its id and its trace. */
export function logging(level: string, stream?: LogStream): FastifyServerOptions {
  if (level === "silent") return { logger: false };
  return {
    logger: { level, serializers: { req, err }, ...(stream && { stream }) },
    // One line tells of a request, when it is over.
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: (logger, bindings, options, { headers }) => logger.child({ ...bindings, ...traceOf(headers.traceparent) }, options),
  };
}

// W3C Trace Context: version, trace, parent, flags.
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-|$)/;

function traceOf(traceparent: string | string[] | undefined): { traceId?: string } {
  const traceId = TRACEPARENT.exec(String(traceparent))?.[1];
  return traceId ? { traceId } : {};
}

// A parameter that may stand in a log: an id or a number. People put anything into an address.
const ID = /^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{1,10})$/i;

/** Without headers, and without what stands after `?`, where people search for people. */
function req({ method, ip, params, routeOptions: { url } }: FastifyRequest) {
  const path = url?.replace(/:(\w+)/g, (_, name) => {
    const value = String((params as Record<string, unknown> | undefined)?.[name]);
    return ID.test(value) ? value : `[${name}]`;
  });
  return { method, path: path ?? "[no such address]", remoteAddress: ip };
}

type Cause = { originalCode?: unknown; constraint?: unknown };

/** Without the rows that a database shows in its details, and the arguments that Prisma shows in its messages. */
function err(error: Error & { code?: unknown; meta?: { driverAdapterError?: { cause?: Cause } } }) {
  const { name, message = "", stack = "", code, meta, cause } = error;
  const { originalCode, constraint } = meta?.driverAdapterError?.cause ?? (cause as Cause | undefined) ?? {};
  return {
    type: name,
    message: message.trimEnd().split("\n").at(-1) ?? "",
    stack: stack
      .split("\n")
      .filter((line) => /^\s+at /.test(line))
      .join("\n"),
    ...(code !== undefined && { code }),
    ...(originalCode !== undefined && { databaseCode: originalCode }),
    ...(constraint !== undefined && { constraint }),
  };
}
