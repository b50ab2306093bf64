// How far behind this process's event loop is: what a bound on time must leave out, lest it measure the machine.
const TICK = 20;

export class Pace {
  #expected = performance.now() + TICK;
  #behind = 0;
  #timer = setInterval(() => this.#tick(), TICK).unref();

  #tick() {
    this.#behind = this.behind;
    this.#expected = performance.now() + TICK;
  }

  /** Milliseconds that ticks of the loop came late, all together since the beginning; a stall that is still on counts. */
  get behind() {
    return this.#behind + Math.max(0, performance.now() - this.#expected);
  }

  stop() {
    clearInterval(this.#timer);
  }
}
