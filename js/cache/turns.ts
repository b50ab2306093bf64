/**
 * Calls that go without Redis end in the tick that they began in. A loop over them would never let the event loop turn, and
 * so never hear that Redis is back.
 */
import type { Inside } from "../client/inside.js";

/** Milliseconds that calls without Redis may follow each other in one turn. */
const TURN = 5;

export class Turns {
  /** When the first of them in this turn was made. */
  #since: number | undefined;

  /** Undefined as long as the turn is young; else a promise of the next one. */
  next(inside: Inside): Promise<void> | undefined {
    const now = inside.now();
    if (this.#since === undefined) {
      this.#since = now;
      inside.afterPoll(() => {
        this.#since = undefined;
      });
      return undefined;
    }
    if (now - this.#since < TURN) return undefined;
    // Each waits for a turn of its own: that of another request may never come.
    return new Promise((resolve) => {
      inside.afterPoll(() => {
        this.#since = undefined;
        resolve();
      });
    });
  }
}
