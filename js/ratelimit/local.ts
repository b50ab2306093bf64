/** The limiter of this process, for when Redis cannot decide. */
import { Bounded } from "../core/bounded.js";
import { type Answer, BLOCKED, decide, fresh, type Rule, type State } from "./rules.js";

interface Entry {
  readonly states: State[];
  /** In the same milliseconds as `now`. */
  blockedUntil: number;
}

export class LocalLimiter {
  readonly #rules: readonly Rule[];
  readonly #entries: Bounded<Entry>;

  constructor(rules: readonly Rule[], maxKeys: number) {
    this.#rules = rules;
    this.#entries = new Bounded(maxKeys);
  }

  /** Decides about one request at `now`, in monotonic milliseconds; about none of them, only looks. */
  decide(key: string, now: number, cost: number, asked: 0 | 1): Answer {
    const entry = this.#entries.get(key) ?? { states: fresh(this.#rules), blockedUntil: 0 };
    const isBlocked = entry.blockedUntil > now;
    const answer = decide(this.#rules, entry.states, now * 1000, cost, isBlocked ? 0 : asked);
    if (answer.admitted > 0) this.#entries.set(key, entry);
    if (!isBlocked) return answer;
    return { ...answer, denying: BLOCKED, wait: Math.max(answer.wait, Math.ceil(entry.blockedUntil - now)) };
  }

  block(key: string, until: number): void {
    const states = this.#entries.get(key)?.states ?? fresh(this.#rules);
    this.#entries.set(key, { states, blockedUntil: until });
  }

  reset(key: string): void {
    this.#entries.delete(key);
  }
}
