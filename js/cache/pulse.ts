/**
 * Time in which nobody could have read an answer: the machine slept, the function was frozen, or the event loop was blocked.
 * It is counted against no budget. A timer that beats while answers are awaited is late by just that time.
 */
import type { Inside } from "../client/inside.js";

/** In milliseconds. Less than two of them late is no more than a busy loop. */
const BEAT = 20;
/** It goes on beating for so long after the last question: a process that asks all the time starts no timer each time. */
const AFTER = 500;

export class Pulse {
  #lost = 0;
  #last = 0;
  #until = Number.NEGATIVE_INFINITY;
  #isBeating = false;

  /** Something is about to be asked. */
  begin(inside: Inside, now: number): void {
    this.#until = now + AFTER;
    if (this.#isBeating) return;
    this.#isBeating = true;
    this.#last = now;
    this.#beat(inside);
  }

  /** Milliseconds that were lost so far. The clock may know of a sleep before the timer does. */
  lost(now: number): number {
    return this.#isBeating ? this.#lost + missed(now - this.#last) : this.#lost;
  }

  #beat(inside: Inside): void {
    inside.setTimer(() => {
      const now = inside.now();
      this.#lost += missed(now - this.#last);
      this.#last = now;
      if (now < this.#until) this.#beat(inside);
      else this.#isBeating = false;
    }, BEAT);
  }
}

const missed = (gap: number): number => (gap > 2 * BEAT ? gap - BEAT : 0);
