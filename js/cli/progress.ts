/** Shows on standard error what is waited for: on a terminal in one line that is written over, else after a while. */
import type { Progress } from "../doctor/types.js";
import type { Output } from "./output.js";

/** On a terminal a step that is done by then is not shown. */
const SOON = 150;
/** Elsewhere a step that takes longer is told of once, so that a log shows where the time went. */
const LATE = 3_000;

export class Waiting {
  readonly #output: Output;
  readonly #open = new Map<string, { begun: number; told: boolean }>();
  readonly #timer: NodeJS.Timeout;
  #shown = false;

  constructor(output: Output) {
    this.#output = output;
    this.#timer = setInterval(() => this.#show(), SOON);
  }

  told({ id, subject, check }: Progress): void {
    const name = subject === undefined ? id : `${id} ${subject}`;
    if (check === undefined) this.#open.set(name, { begun: performance.now(), told: false });
    else this.#open.delete(name);
  }

  #show(): void {
    const { terminal, columns } = this.#output;
    const [oldest] = this.#open;
    this.#clear();
    if (oldest === undefined) return;
    const [name, step] = oldest;
    const waited = performance.now() - step.begun;
    const text = `${name}: waiting for ${(waited / 1_000).toFixed(1)} s`;
    if (terminal.error) {
      this.#output.error(text.slice(0, Math.max(10, columns - 1)));
      this.#shown = true;
    } else if (waited > LATE && !step.told) {
      step.told = true;
      this.#output.error(`${text}\n`);
    }
  }

  #clear(): void {
    if (this.#shown) this.#output.error("\r\u001b[K");
    this.#shown = false;
  }

  end(): void {
    clearInterval(this.#timer);
    this.#clear();
  }
}
