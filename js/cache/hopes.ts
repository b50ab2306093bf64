/**
 * Keys of which the last load brought nothing that could be stored: waiting for another process that loads them is in vain, and
 * what has just failed need not be tried again at once where there is an old value to serve. The lease tells the other
 * processes: whoever had it leaves a mark in its place.
 */
import { Bounded } from "../core/bounded.js";

/**
 * What is left where a lease was: nobody loads, and whoever wants to may take the lease. A lease that was taken in its place
 * is marked, too: nobody waits for it. Other tokens do not begin so.
 */
const LEFT = "!";
const TAKEN = "?";
/** The value is not to be stored, or cannot be; or the loader failed. */
export type Cause = "unstorable" | "failed";

const letter = (cause: Cause): string => (cause === "failed" ? "f" : "u");

/** In milliseconds: others see it within that time, or find out by themselves. */
export const MARK_LIFE = 2_000;
/** For so long nobody waits for a key that could not be stored, or whose loader failed. */
const HOPELESS: Readonly<Record<Cause, number>> = { unstorable: 30_000, failed: 2_000 };
/** Keys that are remembered. */
const MOST = 1_000;

/** No two marks are the same: that one is there still shows that nothing was invalidated since. */
export const markOf = (cause: Cause, token: string): string => LEFT + letter(cause) + token;

/** The token of a lease that nobody is to wait for. */
export const hopeless = (token: string, cause: Cause): string => TAKEN + letter(cause) + token;

/** Why nobody need wait for it. Undefined: it is a lease like others. */
export function causeIn(lease: string | undefined): Cause | undefined {
  if (lease === undefined || (lease[0] !== LEFT && lease[0] !== TAKEN)) return undefined;
  return lease[1] === "f" ? "failed" : "unstorable";
}

interface Hope {
  readonly cause: Cause;
  readonly hopelessUntil: number;
  readonly failingUntil: number;
}

export class Hopes {
  readonly #kept = new Bounded<Hope>(MOST);

  /** `backoff`: for how long the loader is spared where there is an old value. */
  lose(name: string, cause: Cause, now: number, backoff: number): void {
    this.#kept.set(name, {
      cause,
      hopelessUntil: now + HOPELESS[cause],
      failingUntil: cause === "failed" ? now + backoff : 0,
    });
  }

  regain(name: string): void {
    if (this.#kept.size > 0) this.#kept.delete(name);
  }

  /** Why nobody waits for it. */
  lost(name: string, now: number): Cause | undefined {
    if (this.#kept.size === 0) return undefined;
    const hope = this.#kept.get(name);
    return hope !== undefined && now < hope.hopelessUntil ? hope.cause : undefined;
  }

  isFailing(name: string, now: number): boolean {
    const hope = this.#kept.get(name);
    return hope !== undefined && now < hope.failingUntil;
  }
}

/** Instead of a load that would follow on a failure too closely. */
export class BackedOff extends Error {}
