import { AppError } from "../errors";
import type { App } from "./app-type";

/** Where a process is in its life. It listens while it is starting, so that a taken port is known at once. */
export type Life = { phase: "starting" | "serving" | "stopping" };

/** The refusal of a process that does not serve yet, or is about to end. */
export function refuseUnlessServing({ phase }: Life): void {
  if (phase !== "serving") throw new AppError("unavailable", `The service is ${phase}. Try again after the seconds in Retry-After.`);
}

/** Turns requests away until the process serves. */
export function refuseWhileStarting(app: App, life: Life): void {
  app.addHook("onRequest", (_request, _reply, done) => {
    if (life.phase === "starting") refuseUnlessServing(life);
    done();
  });
}

/** Lets clients leave a process that is stopping: what it answers is the last on its connection. */
export function partWhenStopping(app: App, life: Life): void {
  app.addHook("onSend", (_request, reply, payload, done) => {
    if (life.phase === "stopping") reply.header("Connection", "close");
    done(null, payload);
  });
}
