/** Callers who give up: what waits under an `AbortSignal`. */
import type { Engine } from "./engine.js";
import type { Target } from "./target.js";

/** One for each signal, however many commands it ends: a signal warns of more than ten listeners. */
export class Cancellation {
  readonly #engine: Engine;
  readonly #signal: AbortSignal;
  readonly #waiting = new Map<Promise<unknown>, { target: Target; tag: number }>();

  constructor(engine: Engine, signal: AbortSignal) {
    this.#engine = engine;
    this.#signal = signal;
  }

  /** Ends the command when the signal says so, if it has not ended by then. */
  watch(promise: Promise<unknown>, target: Target, tag: number): void {
    if (this.#waiting.size === 0) this.#signal.addEventListener("abort", this.#abort);
    this.#waiting.set(promise, { target, tag });
    const forget = () => {
      this.#waiting.delete(promise);
      if (this.#waiting.size === 0) this.#signal.removeEventListener("abort", this.#abort);
    };
    promise.then(forget, forget);
  }

  readonly #abort = (): void => {
    const engine = this.#engine;
    // The core can only forget what it knows of.
    for (const { target } of this.#waiting.values()) engine.handOver(target);
    for (const [promise, { target, tag }] of this.#waiting) {
      // The number may have been given to another command since.
      if (!engine.pending.isAt(tag, promise)) continue;
      engine.pending.reject(tag, this.#signal.reason, true);
      engine.enter(target.scope, undefined, (core, now) => core.calls.abandon(target.id, tag, now));
    }
  };
}
