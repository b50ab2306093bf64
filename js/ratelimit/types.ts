/** The public API of `edgis/ratelimit`. */
import type { Duration } from "../client/duration.js";

/**
 * - `"sliding"`: a sliding window counter. The last window counts in proportion to how much of it is still within `window`.
 * - `"fixed"`: a window begins with the first request in it.
 * - `"bucket"`: a token bucket (GCRA): `burst` at once, and `limit` a window in the long run.
 */
export type Algorithm = "sliding" | "fixed" | "bucket";

/** One limit. */
export interface RuleOptions {
  /** Requests, or units of `cost`, per `window`: a whole number from 1 to 10⁹. */
  limit: number;
  /** From 1 ms to 366 days. */
  window: Duration;
  /** Default `"sliding"`. */
  algorithm?: Algorithm | undefined;
  /** Of a `"bucket"`: how much may be used at once, a whole number from 1. Default: `limit`. */
  burst?: number | undefined;
}

/** Options of every limiter. */
export interface CommonOptions {
  /**
   * Names the limiter; it stands in every key: `rl:{name:key}…`. 1 to 64 of `A-Z a-z 0-9 _ . : / @ + -`. Limiters of one
   * name share what was used, as far as algorithm and window of their rules are the same.
   */
  name: string;
  /**
   * The longest that a decision may wait for Redis, after which `whenUnavailable` decides. While the first connection is
   * being made, 500 ms more. Default 100 ms.
   */
  timeout?: Duration | undefined;
  /**
   * Decides when Redis does not answer in time, is away, or refuses (out of memory, read-only, not permitted). `"local"`
   * (default): a limiter in this process with the same rules, so N processes allow up to N times the limit. `"allow"`,
   * `"deny"`: every request is allowed, or denied.
   */
  whenUnavailable?: "local" | "allow" | "deny" | undefined;
  /** Keys that are denied without asking Redis: some, or those for which it gives true. */
  deny?: readonly string[] | ((key: string) => boolean) | undefined;
  /**
   * Takes tokens from Redis in batches of this share of the limit (at most 0.5), and spends them in this process, which hot
   * keys need no question for then. What is not spent within a tenth of the window, or a second, is lost to the key: so P
   * processes may be too strict by P batches, and too lax by nothing but what the algorithm allows in that much more time.
   */
  approximate?: { share: number } | undefined;
  /** Keys about which something is remembered in this process: that they are denied, and their local state. Default 10,000. */
  maxKeys?: number | undefined;
}

/** A limiter with one rule, which is called by the limiter's name, or with several that are decided together. */
export type RateLimitOptions = CommonOptions &
  ((RuleOptions & { rules?: undefined }) | { rules: Readonly<Record<string, RuleOptions>>; limit?: undefined });

/** How one request is decided. */
export interface LimitOptions {
  /** Units that the request uses: a whole number from 1. Default 1. */
  cost?: number | undefined;
  /** Ends the wait: rejects with `signal.reason`. The request may have been counted. */
  signal?: AbortSignal | undefined;
}

/** The decision about a request. Times are relative: clocks of several machines differ. */
export interface Decision {
  readonly allowed: boolean;
  /** The rule that denied, the one with the longest wait where there are several; else the one with the least left. */
  readonly rule: string;
  /** Of that rule. */
  readonly limit: number;
  /** Units left of the rule that has the least. */
  readonly remaining: number;
  /** Milliseconds until the rule would be untouched again, if nothing more was asked. */
  readonly resetAfter: number;
  /** `resetAfter` from now on, by this machine's clock: milliseconds since the epoch. */
  readonly resetAt: number;
  /**
   * Milliseconds after which this request would be allowed if no other came first; 0 if it was allowed. `null`: never, since
   * it costs more than a rule allows at all.
   */
  readonly retryAfter: number | null;
  /** `"local"`: by the limiter in this process, since Redis could not. `"policy"`: by `deny` or `whenUnavailable`. */
  readonly decidedBy: "redis" | "local" | "policy";
  /**
   * Why Redis did not decide: `timeout`, a reason of `status()` such as `refused`, or the code of an error such as `OOM`;
   * `denied` for those of `deny`. `blocked` where `block` denies.
   */
  readonly reason?: string | undefined;
}

/** Counters of this process so far. */
export interface RateLimitStats {
  allowed: number;
  denied: number;
  /** Of those, the ones that were known to be denied, and cost no question. */
  remembered: number;
  /** Decided from a batch of tokens, with no question. */
  approximated: number;
  /** Decided by the limiter in this process, or by the policy, for want of Redis. */
  unavailable: number;
  /** Scripts sent. */
  questions: number;
}

/** Counts requests, and says which are too many. */
export interface RateLimiter {
  /**
   * Decides about a request, and counts it if it is allowed. Calls of a tick are one question. Never rejects for want of
   * Redis: see `whenUnavailable`.
   *
   * @param key whose request it is, such as a user's id or an address: not empty
   * @throws (as a rejection) UsageError for a key or options that make no sense; `signal.reason`
   */
  limit(key: string, options?: LimitOptions): Promise<Decision>;
  /** The same, but counts nothing. */
  peek(key: string, options?: LimitOptions): Promise<Decision>;
  /**
   * Forgets what the key has used, and its block. Other processes may believe for up to a second longer that it is denied.
   *
   * @throws (as a rejection) as any command of the client
   */
  reset(key: string): Promise<void>;
  /**
   * Denies all requests of the key for so long, whatever the rules say. Holds in this process at once, and also if Redis
   * is away, of which the rejection tells.
   *
   * @throws (as a rejection) as any command of the client
   */
  block(key: string, duration: Duration): Promise<void>;
  /** Headers of a response: `RateLimit-Policy` and `RateLimit`, and `Retry-After` where the request is denied. */
  headers(decision: Decision): Record<string, string>;
  /** A response of 429 with these headers and a problem document (RFC 9457). */
  response(decision: Decision): Response;
  stats(): RateLimitStats;
}
