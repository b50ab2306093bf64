/** Lines for the log that can wait. */
import type { Runtime, Timer } from "../transport/runtime.js";

/**
 * Milliseconds that good news wait: until those who waited for the connection have their answers. To start the console
 * takes a cold process longer than to dial.
 */
const DELAY = 50;

export class News {
  readonly #lines: (() => void)[] = [];
  #timer: Timer | undefined;

  /** In the order of what happened: also what is written at once stands behind what came before it. */
  add(write: () => void): void {
    this.#lines.push(write);
  }

  /** Writes all of it soon. */
  wait(runtime: Runtime): void {
    if (this.#timer !== undefined) return;
    this.#timer = runtime.setTimer(() => this.flush(), DELAY);
    // A program that is through has its lines written before it ends.
    this.#timer.hold(true);
  }

  flush(): void {
    this.#timer?.clear();
    this.#timer = undefined;
    for (const write of this.#lines.splice(0)) write();
  }
}
