/**
 * Keys that are known to be denied. A request that costs as much as one that was denied, or more, is denied until that one would
 * not be: others can only use more meanwhile. What can make it sooner is a reset or a raised limit, so a denial is believed for
 * a second at most.
 */
import { Bounded } from "../core/bounded.js";
import type { Answer } from "./rules.js";

/** Milliseconds. */
const BELIEVED = 1000;

interface Denial {
  readonly answer: Answer;
  readonly cost: number;
  /** When it was asked for, by the clock of this process: the server's moment is no earlier. */
  readonly askedAt: number;
}

export class Denials {
  readonly #denials: Bounded<Denial>;

  constructor(maxKeys: number) {
    this.#denials = new Bounded(maxKeys);
  }

  /** The known answer for the key, if such a request is certainly denied. */
  find(key: string, cost: number, now: number): Answer | undefined {
    const denial = this.#denials.get(key);
    if (denial === undefined) return undefined;
    const { answer } = denial;
    const passed = now - denial.askedAt;
    if (passed >= BELIEVED || (answer.wait >= 0 && passed >= answer.wait)) {
      this.#denials.delete(key);
      return undefined;
    }
    if (cost < denial.cost) return undefined;
    if (passed < 1) return answer;
    const rest = (time: number) => (time > 0 ? Math.max(1, Math.ceil(time - passed)) : time);
    return { ...answer, reset: rest(answer.reset), wait: rest(answer.wait) };
  }

  learn(key: string, answer: Answer, cost: number, askedAt: number): void {
    this.#denials.set(key, { answer, cost, askedAt });
  }

  forget(key: string): void {
    this.#denials.delete(key);
  }
}
