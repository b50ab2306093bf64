/** Handles that are closed when what is pending on them has settled. */
import * as abi from "../core/abi.js";
import type { Engine } from "./engine.js";
import { failure } from "./failures.js";
import type { Handle, Target } from "./target.js";

/** Waits until what is pending of a target and `isOwn` has settled, but no longer than `limit` milliseconds; the rest is rejected. */
export async function drain(
  engine: Engine,
  target: Target,
  isOwn: (handle: Handle) => boolean,
  limit: number,
): Promise<void> {
  const { pending, runtime } = engine;
  const waiting = () =>
    pending.tags().filter((tag) => {
      const owner = pending.owner(tag);
      return owner.target === target && isOwn(owner);
    });
  const first = waiting().map((tag) => pending.promise(tag));
  if (first.length === 0) return;
  await new Promise<void>((resolve) => {
    // As with every deadline: what has arrived is read first.
    const timer = runtime.setTimer(() => runtime.afterPoll(resolve), limit);
    timer.hold(true);
    Promise.allSettled(first).then(() => {
      timer.clear();
      resolve();
    });
  });
  // The core can only forget what it knows of.
  if (waiting().length > 0) engine.handOver(target);
  // From the end, where those stand that were staged last: taking one out of the middle moves what is behind it.
  for (const tag of waiting().reverse()) expel(engine, target, tag);
}

function expel(engine: Engine, target: Target, tag: number): void {
  const { pending } = engine;
  const promise = pending.promise(tag);
  let sent = 0;
  engine.enter(target.scope, undefined, (core, now) => {
    sent = core.calls.abandon(target.id, tag, now);
  });
  // The core may have died of it.
  if (!pending.isAt(tag, promise)) return;
  const { policy } = pending.owner(tag);
  const status = engine.statusOf(target);
  const error = failure(target, status, pending.name(tag), policy, abi.FAILURE_CLOSED, 0, sent, () => "");
  pending.reject(tag, error, true);
}
