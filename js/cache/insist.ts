/** Wants a target back that nobody sends commands to: as long as a journal has something to tell the server. */
import type { Target } from "../loop/target.js";
import type { Watcher } from "../loop/watchers.js";
import type { Timer } from "../transport/runtime.js";

/** What it takes to ask. */
export interface Asker {
  readonly target: Target;
  /** The engine's clock. */
  now(): number;
  setTimer(act: () => void, milliseconds: number): Timer;
  /** Asking whether it is ready is what makes a target that may be dialled be dialled. */
  isReady(): boolean;
}

/** When no dial began although one was asked for, it is asked for again after so many milliseconds. */
const AGAIN = 1_000;

/**
 * Has the target dialled whenever it may be, by a timer that keeps no process alive, until the function that it gives is
 * called or the target is closed. What can never work is not asked for.
 */
export function insist(asker: Asker): () => void {
  const { target } = asker;
  let timer: Timer | undefined;
  const look = (): void => {
    timer?.clear();
    timer = undefined;
    const { state } = target;
    if (state !== "idle" && state !== "disabled") return;
    const wait = state === "idle" ? 0 : Math.ceil(target.retryAt - asker.now());
    if (wait === Number.POSITIVE_INFINITY) return;
    // It begins later in this tick, and is told of by the next state.
    if (wait <= 0) asker.isReady();
    timer = asker.setTimer(look, wait <= 0 ? AGAIN : wait);
  };
  const watcher: Watcher = { linked() {}, invalidated() {}, moved: look };
  const reference = new WeakRef(watcher);
  target.watchers.add(reference);
  look();
  return () => {
    timer?.clear();
    target.watchers.delete(reference);
    // What is in a set by reference only must be held by whoever relies on it.
    watcher.moved = () => {};
  };
}
