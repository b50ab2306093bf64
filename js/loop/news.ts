/** Lines for the log that can wait. */
import type { Runtime, Timer } from "../transport/types.js";

/**
 * Milliseconds that good news wait: until those who waited for the connection have their answers. To start the console
 * takes a cold process longer than to dial.
 */
const DELAY = 50;

export class News {
  readonly #lines: (() => void)[] = [];
  #timer: Timer | undefined;

  add(runtime: Runtime, write: () => void): void {
    this.#lines.push(write);
    if (this.#timer !== undefined) return;
    this.#timer = runtime.setTimer(() => this.flush(), DELAY);
    // A program that is through has its lines written before it ends.
    this.#timer.hold(true);
  }

  /** Before anything else is written, what came before it is. */
  flush(): void {
    this.#timer?.clear();
    this.#timer = undefined;
    for (const write of this.#lines.splice(0)) write();
  }
}
