/** What must know at once which link answers, and what the server tells on it: caches. */
import type { Target } from "./target.js";

/**
 * Called inside the engine, before the continuations of what came along: it may stage commands, and neither call the core
 * nor throw.
 */
export interface Watcher {
  /** Replies come from another link from now on, or it tells of changes that it did not tell of: `epoch`, `tracks`. */
  linked(target: Target): void;
  /** Keys have changed; all may have when they are not given. */
  invalidated(keys: readonly string[] | undefined): void;
  /** The target has gone into a state, perhaps into the same again. */
  moved(target: Target): void;
  /** Undefined when nothing is owed to the server; else settles when it is made up for, or after so many milliseconds. */
  owed?(milliseconds: number): Promise<void> | undefined;
}

/** What watchers still owe the server, before a client of it is closed. */
export function owedBy(target: Target, milliseconds: number): Promise<void>[] {
  const owed: Promise<void>[] = [];
  watch(target, (watcher) => {
    const one = watcher.owed?.(milliseconds);
    if (one !== undefined) owed.push(one);
  });
  return owed;
}

/** Tells those that are not collected yet. */
export function watch(target: Target, tell: (watcher: Watcher) => void): void {
  for (const reference of target.watchers) {
    const watcher = reference.deref();
    if (watcher === undefined) {
      target.watchers.delete(reference);
      continue;
    }
    try {
      tell(watcher);
    } catch {
      // A mistake of a cache must not end the core, and with it everybody's commands.
    }
  }
}

/** Tells of the changes that a chunk spoke of. */
export function tellChanges(target: Target): void {
  const { changes } = target;
  target.changes = [];
  const keys = changes.includes(undefined) ? undefined : (changes as string[]);
  watch(target, (watcher) => watcher.invalidated(keys));
}
