/** What `createCache` and its methods take and give. */
import type { Client } from "../client/api.js";
import type { Duration } from "../client/duration.js";
import type { Codec } from "./codec.js";
import type { CacheKey } from "./keys.js";

/** Settings of a cache. But for `client`, `namespace` and `ttl` all are optional. */
export interface CacheOptions {
  /** Of `createClient`, any number of caches may share it. */
  client: Client | Client<string, bigint>;
  /** What tells its keys from those of others: 1 to 64 of `A–Z a–z 0–9 _ . : / @ + -`. Caches that share it share entries. */
  namespace: string;
  /**
   * Stands in front of all keys, for permissions by pattern (`~app1:*`): up to 64 of the same characters. Caches that differ in
   * it share nothing. Default: nothing.
   */
  prefix?: string | undefined;
  /** How long a value is fresh. Each entry gets up to `jitter` less. */
  ttl: Duration;
  /** For so long after that it is served at once, and refreshed once in the background. Default: not at all. */
  staleWhileRevalidate?: Duration | undefined;
  /** For so long after its `ttl` a value is served when the loader fails. Default: not at all. */
  graceOnError?: Duration | undefined;
  /** When a loader has failed it is not run again before, where there is an old value to serve. Default 1 s. */
  graceBackoff?: Duration | undefined;
  /** How long it is remembered that there is nothing (`absent`). Default 30 s, and `ttl` where that is shorter. */
  negativeTtl?: Duration | undefined;
  /** The part of a lifetime that is cut at random, so that what was stored together does not end together. Default 0.1. */
  jitter?: number | undefined;
  /**
   * The Redis time of one call that reads, whatever it does there. Default 250 ms, and 1 s while the first dial is under way.
   * Invalidations are worth a longer wait: they take up to 1 s, `set` up to 2 s of a Redis that does not answer.
   */
  timeout?: Duration | undefined;
  /** How long a call waits for another process that loads the same. Default 5 s; then it loads itself. */
  leaseWait?: Duration | undefined;
  /** A loader that takes longer is given up: its signal is aborted, its callers get a `TimeoutError`. Default 30 s. */
  loadTimeout?: Duration | undefined;
  /**
   * Loaders that run at once in this process, on Workers in a request; more wait, for `loadTimeout` at the most. One that
   * itself awaits the cache may hold the place that it waits for. Default: no limit.
   */
  maxConcurrentLoads?: number | undefined;
  /** A larger value, as bytes, is returned but not stored. Default 16 MiB. */
  maxValueBytes?: number | undefined;
  /**
   * Values are kept in memory, too: `true`, or with `maxBytes` (of the heap, about; default 32 MiB) and `maxStale`, which is how long after an
   * invalidation by another process the old value may be served (default 1 s). Default `false`: never. Caches of a namespace
   * and a target share it; the first decides.
   */
  l1?: boolean | { readonly maxBytes?: number | undefined; readonly maxStale?: Duration | undefined } | undefined;
  /** Default: JSON that keeps bigint, Date, Map, Set, Uint8Array, undefined, -0 and `__proto__`; bytes as they are, not Buffers. */
  codec?: Codec | undefined;
  /** Invalidations that are kept while Redis is away. Default 10,000; beyond it all entries of the namespace are given up. */
  maxJournal?: number | undefined;
  /** Is given each invalidation that could not be applied at once, to keep it where it survives the process. */
  onJournal?: ((entry: JournalEntry) => unknown) | undefined;
  /**
   * Entries are believed though the server may have been restarted from an older snapshot, or replaced. Default `false`:
   * after each new connection the server is asked who it is, and another one's entries are given up.
   */
  trustAfterRestart?: boolean | undefined;
}

/** What single calls may differ in. */
export interface SetOptions<T> {
  /** How long the value is fresh; a function is given the value, and 0 means not to store it. Default: of the cache. */
  ttl?: Duration | 0 | ((value: T) => Duration | 0) | undefined;
  /** What the value depends on, for `deleteByTag`; a function is given the value. */
  tags?: readonly string[] | ((value: T) => readonly string[]) | undefined;
  staleWhileRevalidate?: Duration | undefined;
  graceOnError?: Duration | undefined;
}

/** What single reads may differ in. */
export interface GetOptions<T> {
  /** Any Standard Schema. A value from the cache that does not pass is a miss; one that does is what the schema gives. */
  schema?: StandardSchema<T> | undefined;
  /** The Redis time of this call. */
  timeout?: Duration | undefined;
}

/** What single calls of `getOrSet` may differ in. */
export interface GetOrSetOptions<T> extends SetOptions<T>, GetOptions<T> {
  negativeTtl?: Duration | undefined;
}

/** What a loader is given. */
export interface LoadContext {
  /** Aborted when the load is given up: after `loadTimeout`. */
  readonly signal: AbortSignal;
  /** `return skip(value)`: the callers get the value, and it is not stored. */
  skip<T>(value: T): T;
}

/** Gives the value, or `absent`. */
export type Loader<T> = (context: LoadContext) => T | Promise<T>;

/**
 * What a loader returns to say that there is nothing: callers get `undefined`, and it is remembered for `negativeTtl`. The
 * value `undefined` is a value like others.
 */
export const absent: unique symbol = Symbol.for("edgis.absent") as never;

/** The type of `absent`. */
export type Absent = typeof absent;

/** What callers get of what a loader gives: `undefined` for `absent`. */
export type Loaded<T> = [Absent] extends [T] ? Exclude<T, Absent> | undefined : T;

/** What wrapped functions differ in. */
export interface WrapOptions<A extends readonly unknown[], T> extends GetOrSetOptions<Exclude<T, Absent>> {
  /** The key for arguments; or a text, which with the arguments makes the key. */
  key: string | ((...args: A) => CacheKey);
}

/**
 * What became of an invalidation. `applied`: Redis has acknowledged it. `journaled`: Redis is away; this process reads
 * nothing of the namespace before it has made up for it. `unknown`: it was sent and not answered; journaled too. `set` asks
 * for generations first, so that a silent Redis makes it `journaled` where `delete` is `unknown`: nothing of it was sent.
 * `dropped`: the journal was full, and all entries of the namespace will be given up instead; or the client never had a
 * connection to use. Through a client that is closed it is journaled for the others of its target, and rejects where there is
 * none.
 */
export type Outcome = "applied" | "journaled" | "unknown" | "dropped";

export interface Invalidation {
  readonly outcome: Outcome;
}

export interface InvalidateOptions {
  /** `"applied"`: rejects with the reason when it is not; it is journaled all the same. */
  require?: "applied" | undefined;
}

/** An invalidation that could not be applied at once. */
export interface JournalEntry {
  readonly namespace: string;
  /** What to call to make up for it: `delete(key)`, `deleteByTag(tag)`, `clear()`. */
  readonly kind: "key" | "tag" | "clear";
  /** The key or tag as it was given; absent for `clear`. */
  readonly key?: CacheKey | undefined;
  readonly tag?: string | undefined;
  readonly outcome: Exclude<Outcome, "applied">;
}

/** Why a call ran without the cache. */
export type FallbackReason =
  | "disabled" // there is no connection
  | "doubted" // Redis has just not answered in time, and has not shown since that it does
  | "timeout" // it did not answer in time
  | "lost" // the connection was lost
  | "fence" // it could not be made sure that no older entry is back
  | "journal" // invalidations could not be made up for yet
  | "error"; // the server's answer was an error

export interface Fallback {
  readonly reason: FallbackReason;
  /** What it was gone without for: reading, keeping other processes from loading the same, storing. */
  readonly operation: "read" | "lease" | "fill";
  readonly error: unknown;
}

/** What happened so far. */
export interface CacheStats {
  hits: number;
  /** Hits without Redis. */
  l1Hits: number;
  /** Hits that say that there is nothing. */
  negativeHits: number;
  /** Values served stale, and refreshed in the background. */
  stale: number;
  /** Values served stale because the loader failed. */
  graced: number;
  misses: number;
  /** Loaders run, and how many of them failed. */
  loads: number;
  loadErrors: number;
  /** Callers that got the value of a load that another call of this process had begun. */
  joins: number;
  /** Calls that waited for another process's load. */
  leaseWaits: number;
  fills: number;
  /** Values not stored, since something was invalidated while they were loaded. */
  fillsRefused: number;
  /** Values not stored, since they are too large. */
  oversized: number;
  /** Values not stored, since they cannot be kept without loss. */
  unserialisable: number;
  /** Entries that were no hits because they cannot be read… */
  corrupt: number;
  foreign: number;
  /** …or were written by a newer version of edgis… */
  future: number;
  /** …or did not pass the schema. */
  invalid: number;
  /** How often the cache was gone without, by reason. */
  fallbacks: Record<FallbackReason, number>;
  invalidations: Record<Outcome, number>;
  /** Invalidations that wait to be made up for, and that were. */
  journal: number;
  replayed: number;
  /** How often the namespace was given up because another server answered. */
  fenced: number;
  /** What is in memory, and how often something had to make room. */
  l1Entries: number;
  l1Bytes: number;
  l1Evictions: number;
}

/** The part of https://standardschema.dev that is used. */
export interface StandardSchema<Output> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    validate(
      value: unknown,
    ):
      | { readonly value: Output; readonly issues?: undefined }
      | { readonly issues: readonly unknown[] }
      | Promise<{ readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly unknown[] }>;
  };
}

/** A cache. Without Redis every call of `getOrSet` runs its loader; nothing but the loader's errors reaches the caller. */
export interface Cache {
  /**
   * The value from the cache, or of the loader. Concurrent calls for a key run it once, also across processes while Redis
   * is there.
   *
   * @throws (as a rejection) what the loader throws; `UsageError` for a key that is none
   */
  getOrSet<T>(key: CacheKey, loader: Loader<T>, options?: GetOrSetOptions<Exclude<T, Absent>>): Promise<Loaded<T>>;
  /** A function whose results are cached: `getOrSet` with it as the loader. */
  wrap<A extends readonly unknown[], T>(
    run: (...args: A) => T | Promise<T>,
    options: WrapOptions<A, T>,
  ): (...args: A) => Promise<Loaded<T>>;
  /** The value from the cache, fresh or stale; undefined where there is none, or Redis is away. */
  get<T = unknown>(key: CacheKey, options?: GetOptions<T>): Promise<T | undefined>;
  getMany<T = unknown>(keys: readonly CacheKey[], options?: GetOptions<T>): Promise<(T | undefined)[]>;
  /**
   * Stores a value, and so invalidates the one before: what it resolves to says what became of that. The last write wins: a
   * value that was read before another process's invalidation belongs into `getOrSet`, which does not store it after that.
   *
   * @throws (as a rejection) `UsageError` for a value that cannot be kept without loss, before anything is sent
   */
  set<T>(key: CacheKey, value: T, options?: SetOptions<T> & InvalidateOptions): Promise<Invalidation>;
  setMany<T>(
    entries: Iterable<readonly [CacheKey, T]>,
    options?: SetOptions<T> & InvalidateOptions,
  ): Promise<Invalidation>;
  /**
   * Gives up a key, or each of an array of keys. An array of texts could be several keys or one of several parts, so both
   * are given up.
   */
  delete(keys: CacheKey | readonly CacheKey[], options?: InvalidateOptions): Promise<Invalidation>;
  /** Gives up all entries with one of the tags. */
  deleteByTag(tags: string | readonly string[], options?: InvalidateOptions): Promise<Invalidation>;
  /** Gives up all entries of the namespace. They stay in Redis until their lifetimes end, and nobody reads them any more. */
  clear(options?: InvalidateOptions): Promise<Invalidation>;
  stats(): CacheStats;
  /** Called each time the cache was gone without. */
  on(event: "fallback", listener: (fallback: Fallback) => void): this;
  off(event: "fallback", listener: (fallback: Fallback) => void): this;
}
