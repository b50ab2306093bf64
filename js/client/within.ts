import type { Inside } from "./inside.js";

/** Resolves like the promise, or to `late` after this many milliseconds. */
export function within<T, L>(promise: Promise<T>, inside: Inside, milliseconds: number, late: L): Promise<T | L> {
  return new Promise((resolve, reject) => {
    // A loop that was blocked has not read yet what came meanwhile.
    const timer = inside.setTimer(() => inside.afterPoll(() => resolve(late)), milliseconds);
    timer.hold(true);
    promise.then(resolve, reject).finally(() => timer.clear());
  });
}
