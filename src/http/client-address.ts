import { isIP } from "node:net";
import type { FastifyRequest } from "fastify";
import { AppError } from "../errors";
import type { App } from "./app-type";

const MOST_HEADERS = 200;

/**
 * The address that a client is known by: what the trusted proxies say it is. Some proxies add the
 * port. Where they say something that is no address, it is the address of the nearest proxy.
 */
export function addressOf({ ip, socket }: Pick<FastifyRequest, "ip" | "socket">): string {
  // Of who has hung up nothing is known.
  return addressIn(ip ?? "") ?? socket.remoteAddress ?? "unknown";
}

function addressIn(text: string): string | undefined {
  const address = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  // A zone such as %eth0 names an interface of the proxy's, and can be anything.
  const [withoutZone = ""] = address.split("%");
  return isIP(withoutZone) ? withoutZone : undefined;
}

/**
 * Refuses a request with more headers than are read. The rest would be dropped, and with it what
 * a proxy added at the end, such as the client's address.
 */
export function refuseCutHeaders(app: App): void {
  app.server.maxHeadersCount = MOST_HEADERS;
  app.addHook("onRequest", ({ raw }, _reply, done) => {
    const isCut = raw.rawHeaders.length / 2 >= MOST_HEADERS;
    done(isCut ? new AppError("headers-too-large", `A request may have ${MOST_HEADERS - 1} headers. Send fewer.`) : undefined);
  });
}
