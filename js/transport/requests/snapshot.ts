/**
 * A snapshot of asynchronous context.
 *
 * Rests on the compatibility flag `bind_asynclocalstorage_snapshot_to_request`, the default from 2025-06-16: to run one in
 * another request throws. It takes `node:async_hooks` without an import, which needs `nodejs_compat`, the default from
 * 2026-08-04. With older dates a snapshot runs everywhere, and so tells nothing.
 */
import type { Probe } from "./probe.js";

interface Storage {
  snapshot?(): <T>(run: () => T) => T;
}

interface Hooks {
  readonly AsyncLocalStorage?: Storage;
}

interface Process {
  getBuiltinModule?(name: string): Hooks | undefined;
}

const yes = (): boolean => true;

let storage: Storage | undefined;
let isKnown = false;

export function snapshotProbe(): Probe | undefined {
  if (!isKnown) {
    isKnown = true;
    const { process } = globalThis as { process?: Process };
    storage = process?.getBuiltinModule?.("node:async_hooks")?.AsyncLocalStorage;
  }
  const snapshot = storage?.snapshot?.();
  if (snapshot === undefined) return undefined;
  return () => {
    try {
      return snapshot(yes);
    } catch {
      return false;
    }
  };
}
