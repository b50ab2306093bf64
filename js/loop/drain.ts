/** Handles that are closed when what is pending on them has settled. */
import * as abi from "../core/abi.js";
import type { Engine } from "./engine.js";
import { abandon } from "./held.js";
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
      return owner?.target === target && isOwn(owner);
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
  const late = waiting();
  const unsent = abandon(engine, target, late);
  const { rejections } = engine;
  for (const tag of late) {
    rejections.add(tag, abi.FAILURE_CLOSED, 0, unsent.has(tag) ? abi.SENT_NO : abi.SENT_MAYBE);
  }
  rejections.settle();
}
