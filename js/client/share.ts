/** A handle's share in a target. */
import { release } from "../loop/attach.js";
import type { Engine } from "../loop/engine.js";
import type { Subscriber, Target } from "../loop/target.js";
import type { Logger } from "./types.js";

/** Given back when the client is closed, or collected. */
export interface Share {
  readonly engine: Engine;
  readonly target: Target;
  readonly logger: Logger | undefined;
  subscriber: WeakRef<Subscriber> | undefined;
  released: boolean;
}

/** Returns the shares of clients that were garbage-collected. */
export const collected =
  typeof FinalizationRegistry === "undefined"
    ? undefined
    : new FinalizationRegistry<Share>((share) => giveBack(share, () => {}));

/** Once, however often it is asked; `closed` is called when nothing of it is left. */
export function giveBack(share: Share, closed: () => void): void {
  if (share.released) {
    closed();
    return;
  }
  share.released = true;
  const { engine, target, logger, subscriber } = share;
  if (subscriber !== undefined) target.subscribers.delete(subscriber);
  // The last line, "closed", is still to come when this is the last handle.
  release(engine, target, () => {
    if (logger !== undefined) target.leaveLog(logger);
    closed();
  });
}
