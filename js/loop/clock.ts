/**
 * Time as the core is told it.
 *
 * A monotonic clock stands still while a machine sleeps or a function is suspended, so a link that has been silent for an
 * hour would look fresh. The wall clock has gone on; what it gained at once was sleep, and counts as time that passed.
 */
import type { Runtime } from "../transport/runtime.js";

/** Milliseconds that the wall clock gains at once on the monotonic one when there was a sleep. Being set right is less. */
const SLEEP = 1_000;

export class Clock {
  readonly #runtime: Runtime;
  /** How far the wall clock was ahead of the monotonic one. */
  #offset = Number.POSITIVE_INFINITY;
  #slept = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Milliseconds since the runtime's `timeOrigin()`, those that it slept through included. */
  now(): number {
    return this.#runtime.now() + this.#slept;
  }

  /** Compares the clocks; says whether there was a sleep. */
  noticeSleep(): boolean {
    const { wallClock, now } = this.#runtime;
    // There is one clock, and it goes on while the machine sleeps.
    if (wallClock === now) return false;
    const offset = wallClock() - now();
    const gained = offset - this.#offset;
    this.#offset = offset;
    if (gained <= SLEEP) return false;
    this.#slept += gained;
    return true;
  }
}
