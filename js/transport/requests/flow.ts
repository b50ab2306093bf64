/**
 * The flow of asynchronous code that `scope()` has begun.
 *
 * Rests on `AsyncLocalStorage.run`, which is part of `nodejs_als` and `nodejs_compat` since 2023; it takes `node:async_hooks`
 * without an import, as snapshots do. It needs no probe, and so it holds where nothing else tells requests apart.
 */
interface Storage {
  run<T>(value: object, run: () => T): T;
  getStore(): object | undefined;
}

interface Hooks {
  readonly AsyncLocalStorage?: new () => Storage;
}

interface Process {
  getBuiltinModule?(name: string): Hooks | undefined;
}

let storage: Storage | undefined;
let isKnown = false;

function flows(): Storage | undefined {
  if (isKnown) return storage;
  isKnown = true;
  const { process } = globalThis as { process?: Process };
  const Class = process?.getBuiltinModule?.("node:async_hooks")?.AsyncLocalStorage;
  storage = Class && new Class();
  return storage;
}

/** Runs a function in an async context that carries this value; without such contexts, just runs it. */
export function runFlow<T>(value: object, run: () => T): T {
  const known = flows();
  return known === undefined ? run() : known.run(value, run);
}

/** The value of the flow that runs now. */
export const currentFlow = (): object | undefined => storage?.getStore();
