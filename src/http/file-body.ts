import type { Readable } from "node:stream";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { AppError } from "../errors";
import type { App } from "./app-type";
import { isPlainUtf8 } from "./json-body";

export const CSV = "text/csv";
export const NDJSON = "application/x-ndjson";

/** A body that is a file, read as it comes. @param line what the schema of a line is called */
export function fileBody(line: string) {
  return z.unknown().meta({ type: "string", description: "CSV with a header, or NDJSON; UTF-8.", contentSchema: component(`${line}Input`) });
}

/** An answer that is a file, sent as it comes. @param line what the schema of a line is called */
export function fileAnswer(line: string) {
  return z.string().meta({ contentSchema: component(line) });
}

function component(name: string): object {
  return { $ref: `#/components/schemas/${name}` };
}

export const FILE_TYPES = [CSV, NDJSON];

const ACCEPTED = `Send ${CSV} with a header, or ${NDJSON}, as UTF-8 and not compressed.`;

/** Bodies are files, handed to the routes unread. */
export function readFileBodies(app: App, limitBytes: number): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(FILE_TYPES, (request, payload, done) => {
    if (!isPlainUtf8(request.headers)) return done(refused());
    if (Number(request.headers["content-length"] ?? 0) > limitBytes)
      return done(new AppError("body-too-large", `A file may have ${limitBytes} bytes. Send it in several.`));
    done(null, payload);
  });
  app.addContentTypeParser("*", (_request, _payload, done) => done(refused()));
}

/** @throws AppError when there is none */
export function fileOf({ body, headers }: FastifyRequest): { file: Readable; isCsv: boolean } {
  const file = body as Readable | { read?: undefined };
  if (!file.read) throw refused();
  return { file: file as Readable, isCsv: headers["content-type"]?.toLowerCase().startsWith(CSV) ?? false };
}

/** What was read of a file to see how it begins, and the rest of it. */
export async function* continued<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield first;
  yield* rest;
}

function refused(): AppError {
  return new AppError("unsupported-media-type", ACCEPTED);
}
