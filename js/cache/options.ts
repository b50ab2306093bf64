/** What the options of caches and of their calls come to. Mistakes are `ConfigError` and `UsageError`, thrown at once. */
import { milliseconds, notDuration } from "../client/duration.js";
import type { HasInside } from "../client/inside.js";
import { INSIDE } from "../client/inside.js";
import { ConfigError, UsageError } from "../core/errors.js";
import { unknownOption } from "../core/near.js";
import type { Codec } from "./codec.js";
import { MOST_TAGS } from "./envelope.js";
import { isPromise } from "./failure.js";
import { encodeTag, isNamespace, isPrefix } from "./keys.js";
import type { MemoryOptions } from "./memory.js";
import type { CacheOptions, GetOrSetOptions, InvalidateOptions, JournalEntry, StandardSchema } from "./types.js";

/** Lifetimes are not bound by timers; but Redis and the envelope count them. */
const LONGEST_LIFE = 10 * 365 * 86_400_000;

/** All in milliseconds. */
export interface Settings {
  readonly namespace: string;
  readonly prefix: string;
  readonly ttl: number;
  readonly swr: number;
  readonly grace: number;
  readonly graceBackoff: number;
  readonly negativeTtl: number;
  readonly jitter: number;
  /** Undefined: the default, which depends on whether there has been a link yet. */
  readonly timeout: number | undefined;
  readonly leaseWait: number;
  readonly loadTimeout: number;
  readonly maxLoads: number;
  readonly maxValueBytes: number;
  readonly maxJournal: number;
  readonly l1: MemoryOptions | undefined;
  readonly codec: Codec | undefined;
  readonly onJournal: ((entry: JournalEntry) => unknown) | undefined;
  readonly trust: boolean;
}

/** Of one call; what it does not say is the cache's. */
export interface CallSettings {
  readonly ttl: number | ((value: never) => unknown);
  /** Encoded; a function's are not known before the value. */
  readonly tags: readonly string[];
  readonly tagsOf: ((value: never) => readonly string[]) | undefined;
  readonly swr: number;
  readonly grace: number;
  readonly negativeTtl: number;
  readonly timeout: number | undefined;
  readonly schema: StandardSchema<unknown> | undefined;
}

const known = new Set<keyof CacheOptions>([
  "client",
  "namespace",
  "prefix",
  "ttl",
  "staleWhileRevalidate",
  "graceOnError",
  "graceBackoff",
  "negativeTtl",
  "jitter",
  "timeout",
  "leaseWait",
  "loadTimeout",
  "maxConcurrentLoads",
  "maxValueBytes",
  "l1",
  "codec",
  "maxJournal",
  "onJournal",
  "trustAfterRestart",
]);
const ofCalls = new Set([
  "ttl",
  "tags",
  "staleWhileRevalidate",
  "graceOnError",
  "negativeTtl",
  "timeout",
  "schema",
  "require",
  "key",
]);

const wrong = (text: string): ConfigError => new ConfigError(`createCache: ${text}`, { code: "EDGIS_CONFIG" });

/** Throws `ConfigError`. */
export function settingsOf(options: CacheOptions): Settings {
  if (typeof options !== "object" || options === null) throw wrong("it takes an object of options");
  for (const name of Object.keys(options)) if (!known.has(name as never)) throw wrong(unknownOption(name, known));
  if ((options.client as Partial<HasInside> | undefined)?.[INSIDE] === undefined) {
    throw wrong("client must be what createClient of this or a later version of edgis gave");
  }
  if (!isNamespace(options.namespace)) {
    throw wrong("namespace must be 1 to 64 of the characters A-Z a-z 0-9 _ . : / @ + -");
  }
  const { prefix = "" } = options;
  if (!isPrefix(prefix)) throw wrong("prefix must be up to 64 of the characters A-Z a-z 0-9 _ . : / @ + -");
  const ttl = lifetime(options.ttl, "ttl");
  if (ttl === undefined) throw wrong(notDuration("ttl"));
  const jitter = options.jitter ?? 0.1;
  if (!(jitter >= 0 && jitter < 1)) throw wrong("jitter must be a number from 0, and less than 1");
  const { codec, onJournal } = options;
  if (codec !== undefined && (typeof codec?.encode !== "function" || typeof codec.decode !== "function")) {
    throw wrong("codec must have the methods encode and decode");
  }
  if (onJournal !== undefined && typeof onJournal !== "function") throw wrong("onJournal must be a function");
  return {
    namespace: options.namespace,
    prefix,
    ttl,
    swr: lifetime(options.staleWhileRevalidate, "staleWhileRevalidate") ?? 0,
    grace: lifetime(options.graceOnError, "graceOnError") ?? 0,
    graceBackoff: span(options.graceBackoff, "graceBackoff") ?? 1_000,
    negativeTtl: lifetime(options.negativeTtl, "negativeTtl") ?? Math.min(ttl, 30_000),
    jitter,
    timeout: span(options.timeout, "timeout"),
    leaseWait: span(options.leaseWait, "leaseWait") ?? 5_000,
    loadTimeout: span(options.loadTimeout, "loadTimeout") ?? 30_000,
    maxLoads: count(options.maxConcurrentLoads, "maxConcurrentLoads") ?? Number.POSITIVE_INFINITY,
    maxValueBytes: count(options.maxValueBytes, "maxValueBytes") ?? 16 << 20,
    maxJournal: count(options.maxJournal, "maxJournal") ?? 10_000,
    l1: memoryOptions(options.l1),
    codec,
    onJournal,
    trust: options.trustAfterRestart === true,
  };
}

function memoryOptions(l1: CacheOptions["l1"]): MemoryOptions | undefined {
  if (l1 === undefined || l1 === false) return undefined;
  if (l1 !== true && (typeof l1 !== "object" || l1 === null)) throw wrong("l1 must be true, false or an object");
  const { maxBytes, maxStale, ...others } = l1 === true ? ({} as Exclude<typeof l1, true>) : l1;
  const [other] = Object.keys(others);
  if (other !== undefined) throw wrong(unknownOption(other, ["maxBytes", "maxStale"]));
  return { maxBytes: count(maxBytes, "l1.maxBytes") ?? 32 << 20, maxStale: span(maxStale, "l1.maxStale") ?? 1_000 };
}

function lifetime(value: unknown, name: string): number | undefined {
  if (value === undefined) return undefined;
  const life = milliseconds(value, LONGEST_LIFE);
  if (life === undefined) throw wrong(notDuration(name));
  return life;
}

function span(value: unknown, name: string): number | undefined {
  const time = value === undefined ? undefined : milliseconds(value);
  if (value !== undefined && time === undefined) throw wrong(notDuration(name));
  return time;
}

function count(value: unknown, name: string): number | undefined {
  if (value === undefined) return undefined;
  if (!(typeof value === "number" && value >= 1)) throw wrong(`${name} must be a number from 1`);
  return value;
}

const noTags: readonly string[] = [];

/** Throws `UsageError`. */
export function callSettings(given: object | undefined, cache: Settings, defaults: CallSettings): CallSettings {
  if (given === undefined) return defaults;
  if (typeof given !== "object" || given === null) throw new UsageError("the options of a call are an object");
  const options = given as GetOrSetOptions<never> & InvalidateOptions;
  for (const name of Object.keys(options)) if (!ofCalls.has(name)) throw new UsageError(unknownOption(name, ofCalls));
  const { ttl, tags, schema } = options;
  if (options.require !== undefined && options.require !== "applied") {
    throw new UsageError('require must be "applied"');
  }
  if (schema !== undefined && typeof schema?.["~standard"]?.validate !== "function") {
    throw new UsageError("schema must be a Standard Schema");
  }
  if (tags !== undefined && typeof tags !== "function" && !Array.isArray(tags)) {
    throw new UsageError("tags must be an array of texts, or a function that gives one");
  }
  return {
    ttl: ttl === undefined ? cache.ttl : typeof ttl === "function" ? ttl : timeToLive(ttl),
    tags: Array.isArray(tags) ? encodeTags(tags) : noTags,
    tagsOf: typeof tags === "function" ? tags : undefined,
    swr: ofCall(options.staleWhileRevalidate, "staleWhileRevalidate") ?? cache.swr,
    grace: ofCall(options.graceOnError, "graceOnError") ?? cache.grace,
    negativeTtl: ofCall(options.negativeTtl, "negativeTtl") ?? cache.negativeTtl,
    timeout: ofCall(options.timeout, "timeout") ?? cache.timeout,
    schema: schema as StandardSchema<unknown> | undefined,
  };
}

/** What calls without options get. */
export function defaultsOf(cache: Settings): CallSettings {
  const { ttl, swr, grace, negativeTtl, timeout } = cache;
  return { ttl, tags: noTags, tagsOf: undefined, swr, grace, negativeTtl, timeout, schema: undefined };
}

export function encodeTags(tags: readonly string[]): readonly string[] {
  if (isPromise(tags) || !Array.isArray(tags))
    throw new UsageError("tags, or what they give, must be an array of texts");
  const encoded = [...new Set(tags.map(encodeTag))];
  if (encoded.length > MOST_TAGS)
    throw new UsageError(`an entry has ${encoded.length} tags; ${MOST_TAGS} are the most`);
  return encoded;
}

/** 0: not to be stored. */
export function timeToLive(ttl: unknown): number {
  if (ttl === 0) return 0;
  const life = isPromise(ttl) ? undefined : milliseconds(ttl, LONGEST_LIFE);
  if (life === undefined) throw new UsageError(`${notDuration("ttl")}, or 0`);
  return life;
}

function ofCall(value: unknown, name: string): number | undefined {
  if (value === undefined) return undefined;
  const time = milliseconds(value, LONGEST_LIFE);
  if (time === undefined) throw new UsageError(notDuration(name));
  return time;
}
