/** Waits until a client is ready, over as many dials as it takes. */
import { DisabledError, type RedisError } from "../core/errors.js";
import type { DisabledStatus, Status } from "../core/status.js";
import { disabled, unreachable } from "../loop/failures.js";
import type { Runtime } from "../transport/runtime.js";

interface Waiting {
  init(): Promise<Status>;
  status(): Status;
}

/** Gives the status that it ended with: `ready`, one that waiting does not help, or what it is when the time is over. */
export async function untilReady(client: Waiting, wait: number, runtime: Runtime, now: () => number): Promise<Status> {
  const { timeOrigin, setTimer } = runtime;
  const limit = now() + wait;
  for (;;) {
    const status = await within(runtime, client.init(), Math.max(0, limit - now()));
    const current = status ?? client.status();
    const told = current as Partial<DisabledStatus>;
    const pause = Math.max(5, (told.retryAt ?? 0) - timeOrigin() - now());
    const isOver = status === undefined || told.retryable === false || pause >= limit - now();
    if (isOver || current.state === "ready" || current.state === "closed") return current;
    await new Promise<void>((resolve) => setTimer(resolve, pause).hold(true));
  }
}

/** Undefined when it takes longer. */
function within(runtime: Runtime, promise: Promise<Status>, wait: number): Promise<Status | undefined> {
  return new Promise((resolve) => {
    const timer = runtime.setTimer(() => resolve(undefined), wait);
    timer.hold(true);
    promise.then((status) => {
      timer.clear();
      resolve(status);
    });
  });
}

/** The error that `ready` rejects with. */
export function notReady(status: Status, target: { readonly display: string }): RedisError {
  if (status.state === "disabled") return status.retryable ? unreachable(status, target) : disabled(status, target);
  if (status.state === "closed") return new DisabledError("the client was closed", "closed", {});
  return new DisabledError(`${target.display} is not ready in time (${status.state})`, "timeout", { retry: true });
}
