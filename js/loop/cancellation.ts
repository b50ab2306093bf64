/** Callers who give up: what waits under an `AbortSignal`. */
import type { Engine } from "./engine.js";
import { abandon } from "./held.js";
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

  /** In one call for each target: there may be many thousands. */
  readonly #abort = (): void => {
    const { pending, rejections } = this.#engine;
    const { reason } = this.#signal;
    const byTarget = new Map<Target, number[]>();
    for (const [promise, { target, tag }] of this.#waiting) {
      if (!pending.isAt(tag, promise)) continue;
      const tags = byTarget.get(target);
      if (tags === undefined) byTarget.set(target, [tag]);
      else tags.push(tag);
    }
    for (const [target, tags] of byTarget) {
      abandon(this.#engine, target, tags);
      for (const tag of tags) rejections.add(tag, 0, 0, 0);
      rejections.settle(() => reason);
    }
  };
}
