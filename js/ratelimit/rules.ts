/**
 * The algorithms in TypeScript: what the limiter of this process goes by when Redis is away. `scripts.ts` has the same for the
 * server.
 */
import type { Algorithm } from "./types.js";

/** How rules are told to the script. */
export const KINDS: Record<Algorithm, string> = { bucket: "b", fixed: "f", sliding: "s" };

export interface Rule {
  readonly name: string;
  readonly algorithm: Algorithm;
  readonly limit: number;
  /** Microseconds. */
  readonly window: number;
  /** The most that may be used at once. */
  readonly capacity: number;
}

/** The state of a key after some requests of one cost: the integers that `DECIDE` returns. */
export interface Answer {
  /** How many of the requests are allowed. */
  readonly admitted: number;
  readonly remaining: number;
  /** The rule with the least left, by its index. */
  readonly tightest: number;
  /** Milliseconds until that one would be untouched. */
  readonly reset: number;
  /** The rule that denies the rest of the requests, by its index; none, or a block. */
  readonly denying: number;
  /** Milliseconds until one more would be allowed; -1: never. */
  readonly wait: number;
}

export const NONE = -1;
export const BLOCKED = -2;

/** Of one rule: `bucket` uses [used, since], `fixed` [used, ends], `sliding` [index, before, current]. */
export type State = [number, number, number];

/** Tolerance for floating-point error, in tokens. */
const CLOSE = 1e-6;

export const fresh = (rules: readonly Rule[]): State[] => rules.map(() => [0, 0, 0]);

/** Decides about so many requests of the same cost at `now`, in microseconds, and counts those that are allowed. */
export function decide(rules: readonly Rule[], states: State[], now: number, cost: number, asked: number): Answer {
  let admitted = asked;
  rules.forEach((rule, index) => {
    const free = advance(rule, states[index] as State, now);
    admitted = Math.min(admitted, Math.max(0, Math.floor((free + CLOSE) / cost)));
  });
  let [remaining, tightest, reset, denying, wait] = [Number.POSITIVE_INFINITY, 0, 0, NONE, 0];
  rules.forEach((rule, index) => {
    const state = states[index] as State;
    state[rule.algorithm === "sliding" ? 2 : 0] += admitted * cost;
    const left = freeOf(rule, state, now);
    if (left < remaining) [remaining, tightest, reset] = [left, index, emptiesIn(rule, state, now)];
    if (cost - left <= CLOSE || (admitted === asked && asked > 0) || wait < 0) return;
    const needs = cost > rule.capacity ? -1 : waitFor(rule, state, now, cost);
    if (needs < 0 || needs >= wait) [denying, wait] = [index, needs];
  });
  remaining = Math.max(0, Math.floor(remaining + CLOSE));
  return { admitted, remaining, tightest, reset: up(reset), denying, wait: wait < 0 ? -1 : up(wait) };
}

const up = (microseconds: number): number => Math.ceil(microseconds / 1000);

/** Brings a state to the present; gives what is free. */
function advance(rule: Rule, state: State, now: number): number {
  const { window } = rule;
  if (rule.algorithm === "bucket") {
    state[0] = Math.max(0, state[0] - (Math.max(0, now - state[1]) * rule.limit) / window);
    state[1] = now;
  } else if (rule.algorithm === "fixed") {
    if (state[1] <= now || state[0] === 0) [state[0], state[1]] = [0, now + window];
  } else {
    const index = Math.floor(now / window);
    if (state[0] < index) [state[1], state[2]] = [state[0] === index - 1 ? state[2] : 0, 0];
    state[0] = index;
  }
  return freeOf(rule, state, now);
}

function freeOf({ algorithm, capacity, window }: Rule, [a, b, c]: State, now: number): number {
  return capacity - (algorithm === "sliding" ? c + b * (1 - (now - a * window) / window) : a);
}

/** When nothing of it is used any more. */
function emptiesIn({ algorithm, limit, window }: Rule, [a, b, c]: State, now: number): number {
  if (algorithm === "bucket") return (a * window) / limit;
  if (algorithm === "fixed") return a > 0 ? b - now : 0;
  const rest = window - (now - a * window);
  return c > 0 ? window + rest : b > 0 ? rest : 0;
}

function waitFor(rule: Rule, state: State, now: number, cost: number): number {
  const { algorithm, limit, window } = rule;
  const [a, b, c] = state;
  if (algorithm === "bucket") return ((cost - CLOSE - freeOf(rule, state, now)) * window) / limit;
  if (algorithm === "fixed") return b - now;
  const into = now - a * window;
  // The last window leaves room in time, or else this one will, once it is the last.
  if (c + cost <= limit) return window * (1 - (limit - c - cost) / b) - into;
  return window - into + Math.max(0, window * (1 - (limit - cost) / c));
}
