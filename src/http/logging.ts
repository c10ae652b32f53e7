import type { FastifyRequest, FastifyServerOptions } from "fastify";

/** Where log lines go instead of to standard output. */
export type LogStream = { write(line: string): void };

// Keys and tokens, should somebody put one where it does not belong.
const SECRETS = /cairn_[0-9a-f]{8,}|eyJ[\w-]{8,}(\.[\w-]*)*/g;

/** What a log holds of a request: neither what stands after `?`, where people search for people, nor a header. */
export function logger(level: string, stream?: LogStream): FastifyServerOptions["logger"] {
  if (level === "silent") return false;
  const req = ({ method, url, ip }: FastifyRequest) => ({ method, path: url.replace(/\?.*$/s, "").replace(SECRETS, "[secret]"), remoteAddress: ip });
  return { level, serializers: { req }, ...(stream && { stream }) };
}
