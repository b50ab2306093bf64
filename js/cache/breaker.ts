/**
 * Whether Redis is asked at all. One call that waited its whole budget in vain is enough: the next ones go without, until
 * Redis has shown in the background that it answers in time.
 */

const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 2_000;
/** A probe of which nothing was heard for so long has died with its request. */
const PROBE_LIMIT = 3_000;

export class Breaker {
  #failures = 0;
  #probeFrom = 0;
  #probedAt = Number.NEGATIVE_INFINITY;
  #probing = false;

  get isOpen(): boolean {
    return this.#failures > 0;
  }

  /** Redis did not answer in time. */
  trip(now: number): void {
    if (this.#failures === 0) this.#failures = 1;
    // The first probe goes at once.
    if (!this.#probing) this.#probeFrom = now;
  }

  /** Asks whether Redis answers, when it is time to; `probe` resolves to whether it does, and never rejects. */
  look(now: number, probe: () => Promise<boolean>): void {
    if (this.#failures === 0 || now < this.#probeFrom) return;
    if (this.#probing && now - this.#probedAt < PROBE_LIMIT) return;
    this.#probing = true;
    this.#probedAt = now;
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (this.#failures - 1));
    this.#probeFrom = now + pause;
    probe().then((answers) => {
      this.#probing = false;
      this.#failures = answers ? 0 : this.#failures + 1;
    });
  }
}
