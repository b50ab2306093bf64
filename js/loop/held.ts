/** Commands that are staged and cannot be handed over: they wait for their link to drain, and may end where they stand. */
import * as abi from "../core/abi.js";
import type { Engine } from "./engine.js";
import { unreadable } from "./failures.js";
import type { Target } from "./target.js";

/** Milliseconds between two looks at what a link does not take. */
const LOOK = 25;
/**
 * A link is stalled when it has taken nothing between so many looks in a row. They are counted, not timed: while the event
 * loop is blocked no link takes anything.
 */
const STALLED = 4;
/** Of `FAILURE_FULL`: limits.staged and limits.stagedBytes. */
const COMMANDS = 0;
const BYTES = 1;

/** Looks after what the link of a target does not take, until it does. */
export function hold(engine: Engine, target: Target): void {
  if (target.isHolding) return;
  target.isHolding = true;
  const { runtime } = engine;
  let looks = 0;
  let unsent = target.link?.stream?.unsent?.();
  const look = () => {
    const before = unsent;
    unsent = target.link?.stream?.unsent?.();
    looks = unsent === before ? looks + 1 : 0;
    if (target.isBlocked) expire(engine, target, looks >= STALLED);
    if (target.isBlocked && !target.stage.isEmpty) wait();
    else {
      target.isHolding = false;
      engine.submitAll(target);
    }
  };
  const wait = () => void runtime.setTimer(() => runtime.afterPoll(look), LOOK);
  wait();
}

/** Rejects what has waited for too long, and what is more than may wait for a link that is stalled. */
function expire(engine: Engine, target: Target, isStalled: boolean): void {
  const { pending, rejections } = engine;
  const { maxStaged, maxStagedBytes } = target;
  const moment = Math.floor(engine.now());
  let count = 0;
  let bytes = 0;
  target.stage.cancel((tag, stagedAt, size) => {
    const waited = (moment - stagedAt) | 0;
    if (waited >= (pending.owner(tag)?.policy.command ?? 0)) {
      rejections.add(tag, abi.FAILURE_TIMEOUT, abi.PHASE_QUEUE, abi.SENT_NO);
    } else if (isStalled && count >= maxStaged) rejections.add(tag, abi.FAILURE_FULL, COMMANDS, abi.SENT_NO);
    else if (isStalled && bytes + size > maxStagedBytes) rejections.add(tag, abi.FAILURE_FULL, BYTES, abi.SENT_NO);
    else {
      count += 1;
      bytes += size;
      return false;
    }
    return true;
  });
  rejections.settle();
}

/** Rejects what is staged for a target that the core has forgotten. */
export function rejectStaged({ rejections }: Engine, target: Target): void {
  const kind = target.dead?.state === "closed" ? abi.FAILURE_CLOSED : abi.FAILURE_DISABLED;
  target.stage.cancel((tag) => {
    rejections.add(tag, kind, 0, abi.SENT_NO);
    return true;
  });
  rejections.settle();
}

/** Cancels commands whose bytes were transferred away or resized by their owner: written, they would end the link. */
export function cancelSpoilt({ pending }: Engine, target: Target): void {
  const spoilt = new Set<number>();
  for (const { tag, content, byteLength } of target.lent) if (content.length !== byteLength) spoilt.add(tag);
  if (spoilt.size === 0) return;
  target.stage.cancel((tag) => spoilt.has(tag));
  for (const tag of spoilt) pending.reject(tag, unreadable(pending.name(tag)), false);
}

/** The callers of these commands do not wait any more; gives those of them that the server cannot have seen. */
export function abandon(engine: Engine, target: Target, tags: readonly number[]): Set<number> {
  const unsent = new Set<number>();
  if (!target.stage.isEmpty) {
    const asked = new Set(tags);
    target.stage.cancel((tag) => asked.has(tag) && unsent.add(tag).has(tag));
  }
  const rest = unsent.size === 0 ? tags : tags.filter((tag) => !unsent.has(tag));
  for (let at = 0; at < rest.length; at += abi.META_WORDS) {
    const some = new Uint32Array(rest.slice(at, at + abi.META_WORDS));
    engine.enterFor(target, (core, now) => {
      for (const tag of core.abandon(target.id, some, now)) unsent.add(tag);
    });
  }
  return unsent;
}
