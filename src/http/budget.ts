import type { FastifyReply, FastifyRequest } from "fastify";
import { AppError } from "../errors";
import type { App } from "./app-type";
import { createCredit } from "./credit";
import type { Leave, Places } from "./places";

declare module "fastify" {
  interface FastifyContextConfig {
    /**
     * What a route costs: `heavy` may keep a core busy for a while, `long` goes on for as long as a
     * file does, and takes a turn for each piece of it. Neither: light, unless the request asks for much.
     */
    work?: "heavy" | "long";
  }
}

export type Payer = { id: string; isPerson: boolean };

export type Budget = {
  /** Does a piece of a long request's work, when it is the payer's turn for heavy work. */
  inTurn<T>(reply: FastifyReply, work: () => Promise<T>): Promise<T>;
};

type Work = "light" | "heavy" | "long";

// How many requests of each kind one payer has under way; a program acts for many people.
const OF_PERSON: Record<Work, number> = { light: 4, heavy: 1, long: 1 };
const OF_PROGRAM: Record<Work, number> = { light: 64, heavy: 3, long: 4 };
// How many more wait for those, and how long.
const WAITING: Record<Work, number> = { light: 500, heavy: 20, long: 4 };
const LONGEST_WAIT_MS = 10_000;
// How many all payers together have under way.
const OF_ALL = { heavy: 6, long: 16 };

// What a request is charged while it is worked on, so that those of one payer do not all begin with the same credit.
const CHARGED_AHEAD_MS: Record<Work, number> = { light: 5, heavy: 50, long: 0 };
// To read and parse a body, which happens before the work is timed.
const BODY_BYTES_PER_MS = 20_000;

export const LARGE_BODY_BYTES = 65_536;
export const LARGE_PAGE = 50;
const RETRY_AFTER_SECONDS = 2;

/**
 * A budget of work for each payer. A payer's requests beyond it wait in a queue of their own, and
 * nobody else notices: a payer has one heavy request under way, or a few, so that whoever asks next
 * waits for no more than that.
 *
 * A person pays for the time that their requests are worked on (see createCredit): a place of theirs
 * stays taken until its work is paid for. A program acts for many people, and does not pay.
 *
 * A payer's own place is held until the answer was read, so that nobody makes the process keep many
 * answers that they do not read. The common place of a heavy request is held only while there is
 * work to do, so that a slow sender or reader takes nobody else's. That of a long one is held to its end.
 *
 * @param peoplePay whether people pay for the time of their work
 */
export function limitWork(app: App, payerOf: (request: FastifyRequest) => Payer, places: Places, peoplePay: boolean): Budget {
  const credit = createCredit();
  const pays = ({ isPerson }: Payer): boolean => isPerson && peoplePay;
  const charge = (payer: Payer, ms: number): void => {
    if (pays(payer)) credit.charge(payer.id, ms);
  };
  const timed = async <T>(payer: Payer, work: () => Promise<T>): Promise<T> => {
    charge(payer, CHARGED_AHEAD_MS.heavy);
    const since = performance.now();
    try {
      return await work();
    } finally {
      charge(payer, performance.now() - since - CHARGED_AHEAD_MS.heavy);
    }
  };
  const leaveWhenPaid = (payer: Payer, leave: Leave): void => {
    const waitMs = pays(payer) ? credit.waitMs(payer.id) : 0;
    if (waitMs) setTimeout(leaveWhenPaid, waitMs, payer, leave).unref();
    else leave();
  };
  const own = (request: FastifyRequest, work: Work): [name: string, most: number] => {
    const { id, isPerson } = payerOf(request);
    return [`${work} ${id}`, (isPerson ? OF_PERSON : OF_PROGRAM)[work]];
  };

  app.addHook("onRequest", (request, reply, done) => {
    const work = workOf(request);
    const [name, most] = own(request, work);
    const begin = (leave: Leave): void => {
      const payer = payerOf(request);
      charge(payer, CHARGED_AHEAD_MS[work]);
      leaveAtEnd(reply, () => {
        const bodyMs = work === "long" ? 0 : (Number(request.headers["content-length"]) || 0) / BODY_BYTES_PER_MS;
        charge(payer, bodyMs - CHARGED_AHEAD_MS[work]);
        leaveWhenPaid(payer, leave);
      });
    };
    const leave = places.tryTake(name, most);
    if (leave) {
      begin(leave);
      done();
      return;
    }
    places
      .take(name, most, { waiting: WAITING[work], waitMs: LONGEST_WAIT_MS, signal: hangUpOf(reply) })
      .then((leave) => {
        if (!leave) throw tooMuch(work, most);
        begin(leave);
      })
      .then(() => done(), done);
  });

  const working = new WeakMap<FastifyReply, () => void>();
  // After the body has arrived: nobody's place is taken by who is slow to send.
  app.addHook("preValidation", async (request, reply) => {
    const work = workOf(request);
    const leave = work === "light" ? undefined : await places.take(work, OF_ALL[work], { waitMs: LONGEST_WAIT_MS, signal: hangUpOf(reply) });
    if (work !== "light" && !leave) throw tooBusy();
    if (work === "long") {
      leaveAtEnd(reply, leave as Leave);
      return;
    }
    const since = performance.now();
    const endWork = () => {
      if (!working.delete(reply)) return;
      charge(payerOf(request), performance.now() - since);
      leave?.();
    };
    working.set(reply, endWork);
    leaveAtEnd(reply, endWork);
  });
  app.addHook("onSend", (_request, reply, payload, done) => {
    working.get(reply)?.();
    done(null, payload);
  });

  return {
    async inTurn(reply, work) {
      const signal = hangUpOf(reply);
      const payer = payerOf(reply.request);
      const [name, most] = own(reply.request, "heavy");
      const leaveOwn = await places.take(name, most, { signal });
      const leave = leaveOwn && (await places.take("heavy", OF_ALL.heavy, { signal }));
      try {
        if (!leave) throw tooBusy();
        return await timed(payer, work);
      } finally {
        leave?.();
        if (leaveOwn) leaveWhenPaid(payer, leaveOwn);
      }
    },
  };
}

/** By the route, or by how much is asked for: many rows, another form, a search, a large body or one of unknown length. */
export function workOf({ headers, query, routeOptions: { config } }: FastifyRequest): Work {
  if (config.work) return config.work;
  const { limit, q } = query as { limit?: unknown; q?: unknown };
  const { accept, "content-length": length = 0, "transfer-encoding": encoding } = headers;
  const isLarge = Number(length) > LARGE_BODY_BYTES || encoding !== undefined || (limit !== undefined && !(Number(limit) <= LARGE_PAGE)) || q !== undefined;
  return isLarge || (config.forms && accept && Object.keys(config.forms).some((type) => accept.includes(type))) ? "heavy" : "light";
}

/** What is to be done when an answer was sent or its client is gone. */
const endings = new WeakMap<FastifyReply, (() => void)[]>();

function leaveAtEnd(reply: FastifyReply, leave: () => void): void {
  const { raw } = reply;
  if (raw.closed || raw.destroyed) {
    leave();
    return;
  }
  const ending = endings.get(reply) ?? [];
  if (!ending.length) {
    endings.set(reply, ending);
    raw.once("close", () => {
      for (const end of ending) end();
    });
  }
  ending.push(leave);
}

const hangUps = new WeakMap<FastifyReply, AbortSignal>();

/** Is aborted when the answer was sent, or its client is gone: a request's own signal is when its body is read. */
function hangUpOf(reply: FastifyReply): AbortSignal {
  const known = hangUps.get(reply);
  if (known) return known;
  const controller = new AbortController();
  leaveAtEnd(reply, () => controller.abort());
  hangUps.set(reply, controller.signal);
  return controller.signal;
}

const OF_WORK: Record<Work, string> = {
  light: "requests",
  heavy: "reports, searches, large pages, files or batches",
  long: "imports or exports",
};

function tooMuch(work: Work, most: number): AppError {
  return new AppError(
    "too-many-requests",
    `Too many ${OF_WORK[work]} of this caller are under way or waiting: ${most} at a time ${most === 1 ? "is" : "are"} worked on. Wait for their answers, then try again after the seconds in Retry-After.`,
    [],
    RETRY_AFTER_SECONDS,
  );
}

function tooBusy(): AppError {
  return new AppError("unavailable", "More is being worked on than can be answered soon. Try again after the seconds in Retry-After.");
}
