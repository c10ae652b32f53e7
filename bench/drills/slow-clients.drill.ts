import { connect, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { ADMIN_KEY } from "../ground";
import { http } from "../load";
import type { Drill } from "./run";

const HEAD = `Host: drill\r\nAuthorization: Bearer ${ADMIN_KEY}\r\n`;
const BODY = "Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n";
// What they have sent at once, before they send a byte a second, or read nothing.
const SLOW = ["GET /v1/learners HTTP/1.1\r\n", `POST /v1/learners HTTP/1.1\r\n${HEAD}${BODY}`, `GET /openapi.json HTTP/1.1\r\n${HEAD}\r\n`.repeat(200)];

/** Many who send a byte a second, or do not read what they asked for, beside one who does as it should. */
export const drill: Drill = async (stage, quick) => {
  const [count, seconds] = quick ? [100, 3] : [1_000, 10];
  const service = await stage.service(quick ? { REQUEST_TIMEOUT_MS: "4000" } : {});
  const healthy = http(service.address, 8, () => ({ method: "GET", path: "/v1/me", headers: { authorization: `Bearer ${ADMIN_KEY}` } }));
  await healthy(seconds);
  const alone = await healthy(seconds);
  const slow = Array.from({ length: count }, (_, n) => openSlow(new URL(service.address), SLOW[n % SLOW.length] as string));
  const beside = await healthy(seconds);
  const cut = await Promise.all(slow.map(({ cutAfterMs }) => cutAfterMs));
  const still = cut.filter((milliseconds) => milliseconds === null).length;
  const after = await healthy(seconds);
  const longest = Math.max(...cut.map((milliseconds) => milliseconds ?? 0));
  const flaws = still ? [`${still} of ${count} were not cut`] : [];
  return {
    slow: count,
    longestMs: longest,
    p99AloneMs: alone.p99 ?? 0,
    p99BesideMs: beside.p99 ?? 0,
    p99AfterMs: after.p99 ?? 0,
    flaws,
  };
};

const PATIENCE_MS = 60_000;

function openSlow({ port }: URL, beginning: string): { cutAfterMs: Promise<number | null> } {
  const since = Date.now();
  const socket: Socket = connect({ host: "127.0.0.1", port: Number(port) });
  // Only what is cut hard is noticed by who does not read.
  if (beginning.includes("openapi")) socket.pause();
  else socket.resume();
  socket.on("error", () => undefined);
  socket.write(beginning);
  const timer = setInterval(() => socket.writable && socket.write("a"), 1_000);
  const cutAfterMs = Promise.race([
    new Promise<number>((resolve) => socket.once("close", () => resolve(Date.now() - since))),
    wait(PATIENCE_MS, null, { ref: false }),
  ]).finally(() => {
    clearInterval(timer);
    socket.destroy();
  });
  return { cutAfterMs };
}
