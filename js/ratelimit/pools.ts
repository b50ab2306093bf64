/** Tokens that were taken from Redis in batches, for `approximate`. They are charged when they are taken. */
import { Bounded } from "../core/bounded.js";
import type { Answer, Rule } from "./rules.js";

interface Pool {
  tokens: number;
  readonly answer: Answer;
  /** When what is left is dropped, so that no window admits more than the algorithm in a window that is so much longer. */
  readonly until: number;
}

export class Pools {
  readonly #share: number;
  readonly #most: number;
  readonly #life: number;
  readonly #pools: Bounded<Pool>;

  constructor(share: number, rules: readonly Rule[], maxKeys: number) {
    this.#share = share;
    this.#most = Math.min(...rules.map(({ capacity }) => capacity));
    this.#life = Math.min(...rules.map(({ window }) => window / 10_000), 1000);
    this.#pools = new Bounded(maxKeys);
  }

  /** Spends this many tokens of the key's pool; undefined if fewer are left. */
  spend(key: string, cost: number, now: number): { answer: Answer; left: number } | undefined {
    const pool = this.#pools.get(key);
    if (pool === undefined || pool.tokens < cost || now >= pool.until) return undefined;
    pool.tokens -= cost;
    return { answer: pool.answer, left: pool.tokens };
  }

  /** How many tokens to take beyond those that are needed. */
  surplus(key: string): number {
    const remaining = this.#pools.get(key)?.answer.remaining ?? this.#most;
    return Math.max(1, Math.floor(this.#share * Math.min(this.#most, remaining))) - 1;
  }

  fill(key: string, tokens: number, answer: Answer, askedAt: number): void {
    this.#pools.set(key, { tokens, answer, until: askedAt + this.#life });
  }

  forget(key: string): void {
    this.#pools.delete(key);
  }
}
