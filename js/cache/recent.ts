/**
 * What this process has invalidated of late. Redis has acknowledged it, but for a while after a failover there may be two
 * servers that believe to be the primary: what was told the one that was deposed has to be told the other. So it is kept
 * until the server has shown, a minute later, that it still is the one; an idle process keeps it for longer.
 */
import { ALL, type Operation } from "./journal.js";
import type { Names } from "./keys.js";

/** Milliseconds after which servers no longer disagree on which of them is the primary. */
export const DISAGREEMENT = 60_000;
/** If there were more, the namespace is given up as a whole. */
const MOST = 10_000;

export class Recent {
  readonly #names: Names;
  /** The oldest first. */
  readonly #kept = new Map<string, { readonly operation: Operation; readonly at: number }>();
  /** When the last of those was applied that are not listed for want of room. */
  #unlisted = Number.NEGATIVE_INFINITY;
  #latest = Number.NEGATIVE_INFINITY;

  constructor(names: Names) {
    this.#names = names;
  }

  get isEmpty(): boolean {
    return this.#kept.size === 0 && this.#unlisted === Number.NEGATIVE_INFINITY;
  }

  /** When the last one was applied. */
  get latest(): number {
    return this.#latest;
  }

  add(operation: Operation, now: number): void {
    const key = this.#names.of(operation);
    this.#latest = now;
    this.#kept.delete(key);
    this.#kept.set(key, { operation, at: now });
    if (this.#kept.size <= MOST) return;
    for (const [oldest, { at }] of this.#kept) {
      this.#kept.delete(oldest);
      this.#unlisted = Math.max(this.#unlisted, at);
      break;
    }
  }

  /** The server was the one that it was when it was asked at that moment. */
  confirm(askedAt: number): void {
    const before = askedAt - DISAGREEMENT;
    if (this.#unlisted <= before) this.#unlisted = Number.NEGATIVE_INFINITY;
    for (const [key, { at }] of this.#kept) {
      if (at > before) break;
      this.#kept.delete(key);
    }
  }

  /** What another server must be told. */
  get operations(): Operation[] {
    if (this.#unlisted !== Number.NEGATIVE_INFINITY) return [ALL];
    return Array.from(this.#kept.values(), ({ operation }) => operation);
  }
}
