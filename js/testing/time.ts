/** Clock and timers as they were at load: fake timers in a test must not freeze servers, proxies and their faults. */

// Not the globals: Jest can install fake ones from the start, and jsdom's return numbers, or are missing.
const { setTimeout, clearTimeout, setImmediate } = process.getBuiltinModule("node:timers");
const { performance } = process.getBuiltinModule("node:perf_hooks");

/** Monotonic milliseconds. */
export const now: () => number = performance.now.bind(performance);

/** Runs `act` later unless the returned function is called first; does not keep the process alive. */
export function later(act: () => void, milliseconds: number): () => void {
  const timer = setTimeout(act, milliseconds);
  timer.unref();
  return () => clearTimeout(timer);
}

/** Runs `act` in the next turn of the event loop, after what has arrived was read. */
export function nextTurn(act: () => void): void {
  setImmediate(act);
}

/** Keeps the process alive, unlike `later`. */
export const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
