/**
 * The commands that have typed methods. Arguments are in the order of Redis's documentation. Options are
 * words (`set("k", "v", "EX", 60)`), or an object where a word may stand (`set("k", "v", { EX: 60 })`). Fields and values
 * stand in turns (`hset("h", "a", 1)`), or in one object or array before or instead of them (`hset("h", { a: 1 })`). Where a command takes any number of keys, members or
 * elements, they may stand in arrays. Everywhere else there are scalars, and an array or an object is a `UsageError`. Times
 * are in Redis's units. Every other command goes through `call`.
 *
 * `T` is how text comes back, `I` how integers do.
 */
import type { Value } from "./arguments.js";

type Key = Value;
type Keys = readonly (Key | readonly Key[])[];
/** Options, word for word. */
type Words = readonly Value[];
/** In an object of options: `true` sends the name alone; `false`, `null` and `undefined` leave it out. */
type Flag = boolean | null | undefined;
type Setting = Value | false | null | undefined;
/** An object of any type whose fields are all present, and are values. */
type Fields<F> = { readonly [Name in keyof F]-?: Value };
/** A score: a double, with `Infinity` and `-Infinity`. */
type Score = number;
type Bound = Value;

export interface ExpireOptions {
  NX?: Flag;
  XX?: Flag;
  GT?: Flag;
  LT?: Flag;
}

interface Lifetime {
  /** Seconds. */
  EX?: Setting;
  /** Milliseconds. */
  PX?: Setting;
  /** Unix seconds. */
  EXAT?: Setting;
  /** Unix milliseconds. */
  PXAT?: Setting;
}

export interface SetOptions extends Lifetime {
  KEEPTTL?: Flag;
  NX?: Flag;
  XX?: Flag;
  GET?: Flag;
  IFEQ?: Setting;
  IFNE?: Setting;
  IFDEQ?: Setting;
  IFDNE?: Setting;
}

export interface GetexOptions extends Lifetime {
  PERSIST?: Flag;
}

export interface LcsOptions {
  LEN?: Flag;
  IDX?: Flag;
  MINMATCHLEN?: Setting;
  WITHMATCHLEN?: Flag;
}

export interface CopyOptions {
  DB?: Setting;
  REPLACE?: Flag;
}

export interface RestoreOptions {
  REPLACE?: Flag;
  ABSTTL?: Flag;
  IDLETIME?: Setting;
  FREQ?: Setting;
}

export interface MatchOptions {
  MATCH?: Setting;
  COUNT?: Setting;
}

export interface ScanOptions extends MatchOptions {
  TYPE?: Setting;
}

export interface ZscanOptions extends MatchOptions {
  NOSCORES?: Flag;
}

export interface HscanOptions extends MatchOptions {
  NOVALUES?: Flag;
}

export interface LposOptions {
  RANK?: Setting;
  COUNT?: Setting;
  MAXLEN?: Setting;
}

export interface ZaddOptions extends ExpireOptions {
  CH?: Flag;
  INCR?: Flag;
}

interface Count {
  COUNT?: Setting;
}

interface Slice {
  /** Offset and count. */
  LIMIT?: readonly [Value, Value] | false | null | undefined;
}

interface WithScores {
  WITHSCORES?: Flag;
}

export interface ZrangestoreOptions extends Slice {
  BYSCORE?: Flag;
  BYLEX?: Flag;
  REV?: Flag;
}

export interface ZrangeOptions extends ZrangestoreOptions, WithScores {}
export interface ZrangebyscoreOptions extends Slice, WithScores {}

export interface ZstoreOptions {
  /** One for each key. */
  WEIGHTS?: readonly Value[] | false | null | undefined;
  AGGREGATE?: "SUM" | "MIN" | "MAX" | false | null | undefined;
}

export interface ZcombineOptions extends ZstoreOptions, WithScores {}

export interface ClientFilter {
  ID?: Setting;
  TYPE?: Setting;
  USER?: Setting;
  ADDR?: Setting;
  LADDR?: Setting;
  SKIPME?: Setting;
  MAXAGE?: Setting;
}

/**
 * The form of a map in a reply: an object, or from `bytes` a `Map`, since bytes cannot name properties. Its keys are
 * bytes as well, so iterate over it: `for (const [field, value] of map)`.
 */
export type Mapped<T, V> = T extends string ? Record<string, V> : Map<T, V>;

/** Strings: https://redis.io/docs/latest/commands/?group=string */
export interface StringCommands<T, I> {
  append(key: Key, value: Value): Promise<I>;
  decr(key: Key): Promise<I>;
  decrby(key: Key, by: Value): Promise<I>;
  /** The value, or null when there is none. */
  get(key: Key): Promise<T | null>;
  getdel(key: Key): Promise<T | null>;
  getex(key: Key, ...options: Words): Promise<T | null>;
  getex(key: Key, options: GetexOptions | undefined): Promise<T | null>;
  getrange(key: Key, start: Value, end: Value): Promise<T>;
  getset(key: Key, value: Value): Promise<T | null>;
  incr(key: Key): Promise<I>;
  incrby(key: Key, by: Value): Promise<I>;
  /** The new value as text, since a double could lose digits. */
  incrbyfloat(key: Key, by: Value): Promise<T>;
  lcs(a: Key, b: Key, ...options: Words): Promise<T | I | Mapped<T, unknown>>;
  lcs(a: Key, b: Key, options: LcsOptions | undefined): Promise<T | I | Mapped<T, unknown>>;
  /** In the order of the keys, null where there is no value. */
  mget(...keys: Keys): Promise<(T | null)[]>;
  mset(...pairs: Words): Promise<"OK">;
  mset(pairs: readonly Value[]): Promise<"OK">;
  mset<F extends Fields<F>>(pairs: F, ...more: Words): Promise<"OK">;
  /** 1 when all were set, 0 when none. */
  msetnx(...pairs: Words): Promise<I>;
  msetnx(pairs: readonly Value[]): Promise<I>;
  msetnx<F extends Fields<F>>(pairs: F, ...more: Words): Promise<I>;
  psetex(key: Key, milliseconds: Value, value: Value): Promise<"OK">;
  /** `"OK"`; null when NX or XX kept it from being set; with GET the old value. */
  set(key: Key, value: Value, ...options: Words): Promise<"OK" | T | null>;
  set(key: Key, value: Value, options: SetOptions | undefined): Promise<"OK" | T | null>;
  setex(key: Key, seconds: Value, value: Value): Promise<"OK">;
  setnx(key: Key, value: Value): Promise<I>;
  setrange(key: Key, offset: Value, value: Value): Promise<I>;
  strlen(key: Key): Promise<I>;
}

/** Keys: https://redis.io/docs/latest/commands/?group=generic */
export interface KeyCommands<T, I> {
  /** 1 when it was copied. */
  copy(source: Key, destination: Key, ...options: Words): Promise<I>;
  copy(source: Key, destination: Key, options: CopyOptions | undefined): Promise<I>;
  /** The number of keys that existed. */
  del(...keys: Keys): Promise<I>;
  dump(key: Key): Promise<T | null>;
  exists(...keys: Keys): Promise<I>;
  expire(key: Key, seconds: Value, ...options: Words): Promise<I>;
  expire(key: Key, seconds: Value, options: ExpireOptions | undefined): Promise<I>;
  expireat(key: Key, unixSeconds: Value, ...options: Words): Promise<I>;
  expireat(key: Key, unixSeconds: Value, options: ExpireOptions | undefined): Promise<I>;
  expiretime(key: Key): Promise<I>;
  keys(pattern: Value): Promise<T[]>;
  persist(key: Key): Promise<I>;
  pexpire(key: Key, milliseconds: Value, ...options: Words): Promise<I>;
  pexpire(key: Key, milliseconds: Value, options: ExpireOptions | undefined): Promise<I>;
  pexpireat(key: Key, unixMilliseconds: Value, ...options: Words): Promise<I>;
  pexpireat(key: Key, unixMilliseconds: Value, options: ExpireOptions | undefined): Promise<I>;
  pexpiretime(key: Key): Promise<I>;
  /** Milliseconds left; -1 without expiry, -2 without key. */
  pttl(key: Key): Promise<I>;
  randomkey(): Promise<T | null>;
  rename(key: Key, newKey: Key): Promise<"OK">;
  renamenx(key: Key, newKey: Key): Promise<I>;
  restore(key: Key, ttl: Value, serialized: Value, ...options: Words): Promise<"OK">;
  restore(key: Key, ttl: Value, serialized: Value, options: RestoreOptions | undefined): Promise<"OK">;
  /** The next cursor (`"0"` at the end) and some keys. */
  scan(cursor: Value, ...options: Words): Promise<[T, T[]]>;
  scan(cursor: Value, options: ScanOptions | undefined): Promise<[T, T[]]>;
  touch(...keys: Keys): Promise<I>;
  /** Seconds left; -1 without expiry, -2 without key. */
  ttl(key: Key): Promise<I>;
  type(key: Key): Promise<string>;
  unlink(...keys: Keys): Promise<I>;
}

/** Hashes: https://redis.io/docs/latest/commands/?group=hash */
export interface HashCommands<T, I> {
  hdel(key: Key, ...fields: Keys): Promise<I>;
  hexists(key: Key, field: Value): Promise<I>;
  hget(key: Key, field: Value): Promise<T | null>;
  /** The fields with their values; empty when there is no key. A field `__proto__` is just a field. */
  hgetall(key: Key): Promise<Mapped<T, T>>;
  hincrby(key: Key, field: Value, by: Value): Promise<I>;
  hincrbyfloat(key: Key, field: Value, by: Value): Promise<T>;
  hkeys(key: Key): Promise<T[]>;
  hlen(key: Key): Promise<I>;
  hmget(key: Key, ...fields: Keys): Promise<(T | null)[]>;
  hmset(key: Key, ...fields: Words): Promise<"OK">;
  hmset(key: Key, fields: readonly Value[]): Promise<"OK">;
  hmset<F extends Fields<F>>(key: Key, fields: F, ...more: Words): Promise<"OK">;
  hrandfield(key: Key, count?: Value, ...words: Words): Promise<T | T[] | [T, T][] | null>;
  hrandfield(key: Key, count: Value, options: { WITHVALUES?: Flag }): Promise<T | T[] | [T, T][] | null>;
  hscan(key: Key, cursor: Value, ...options: Words): Promise<[T, T[]]>;
  hscan(key: Key, cursor: Value, options: HscanOptions | undefined): Promise<[T, T[]]>;
  /** How many fields are new. */
  hset(key: Key, ...fields: Words): Promise<I>;
  hset(key: Key, fields: readonly Value[]): Promise<I>;
  hset<F extends Fields<F>>(key: Key, fields: F, ...more: Words): Promise<I>;
  hsetnx(key: Key, field: Value, value: Value): Promise<I>;
  hstrlen(key: Key, field: Value): Promise<I>;
  hvals(key: Key): Promise<T[]>;
}

/** Lists: https://redis.io/docs/latest/commands/?group=list */
export interface ListCommands<T, I> {
  lindex(key: Key, index: Value): Promise<T | null>;
  linsert(key: Key, where: "BEFORE" | "AFTER", pivot: Value, element: Value): Promise<I>;
  llen(key: Key): Promise<I>;
  lmove(source: Key, destination: Key, from: "LEFT" | "RIGHT", to: "LEFT" | "RIGHT"): Promise<T | null>;
  lmpop(count: Value, ...keysAndWords: Words): Promise<[T, T[]] | null>;
  lmpop(count: Value, keys: readonly Key[], from: "LEFT" | "RIGHT", options?: Count): Promise<[T, T[]] | null>;
  lpop(key: Key, count?: Value): Promise<T | T[] | null>;
  lpos(key: Key, element: Value, ...options: Words): Promise<I | I[] | null>;
  lpos(key: Key, element: Value, options: LposOptions | undefined): Promise<I | I[] | null>;
  lpush(key: Key, ...elements: Keys): Promise<I>;
  lpushx(key: Key, ...elements: Keys): Promise<I>;
  lrange(key: Key, start: Value, stop: Value): Promise<T[]>;
  lrem(key: Key, count: Value, element: Value): Promise<I>;
  lset(key: Key, index: Value, element: Value): Promise<"OK">;
  ltrim(key: Key, start: Value, stop: Value): Promise<"OK">;
  rpop(key: Key, count?: Value): Promise<T | T[] | null>;
  rpoplpush(source: Key, destination: Key): Promise<T | null>;
  rpush(key: Key, ...elements: Keys): Promise<I>;
  rpushx(key: Key, ...elements: Keys): Promise<I>;
}

/** Sets: https://redis.io/docs/latest/commands/?group=set */
export interface SetCommands<T, I> {
  sadd(key: Key, ...members: Keys): Promise<I>;
  scard(key: Key): Promise<I>;
  sdiff(...keys: Keys): Promise<T[]>;
  sdiffstore(destination: Key, ...keys: Keys): Promise<I>;
  sinter(...keys: Keys): Promise<T[]>;
  sintercard(count: Value, ...keysAndWords: Words): Promise<I>;
  sintercard(count: Value, keys: readonly Key[], options?: { LIMIT?: Setting }): Promise<I>;
  sintercard(count: Value, ...keysAndOptions: [...Key[], { LIMIT?: Setting }]): Promise<I>;
  sintercard(count: Value, keys: readonly Key[], ...words: Words): Promise<I>;
  sinterstore(destination: Key, ...keys: Keys): Promise<I>;
  sismember(key: Key, member: Value): Promise<I>;
  smembers(key: Key): Promise<T[]>;
  smismember(key: Key, ...members: Keys): Promise<I[]>;
  smove(source: Key, destination: Key, member: Value): Promise<I>;
  spop(key: Key, count?: Value): Promise<T | T[] | null>;
  srandmember(key: Key, count?: Value): Promise<T | T[] | null>;
  srem(key: Key, ...members: Keys): Promise<I>;
  sscan(key: Key, cursor: Value, ...options: Words): Promise<[T, T[]]>;
  sscan(key: Key, cursor: Value, options: MatchOptions | undefined): Promise<[T, T[]]>;
  sunion(...keys: Keys): Promise<T[]>;
  sunionstore(destination: Key, ...keys: Keys): Promise<I>;
}

/** Members; with WITHSCORES, pairs of member and score. */
type Members<T> = T[] | [T, Score][];

/** Sorted sets: https://redis.io/docs/latest/commands/?group=sorted-set. Scores are numbers, in RESP2 as in RESP3. */
export interface SortedSetCommands<T, I> {
  /** How many members are new; with INCR the new score, or null when a condition kept it. */
  zadd(key: Key, ...scoresAndMembers: Words): Promise<I | Score | null>;
  zadd(key: Key, scoresAndMembers: readonly Value[]): Promise<I | Score | null>;
  zadd(key: Key, options: ZaddOptions, ...scoresAndMembers: Words): Promise<I | Score | null>;
  zcard(key: Key): Promise<I>;
  zcount(key: Key, min: Bound, max: Bound): Promise<I>;
  zdiff(count: Value, ...keysAndWords: Words): Promise<Members<T>>;
  zdiff(count: Value, keys: readonly Key[], options?: WithScores): Promise<Members<T>>;
  zdiff(count: Value, ...keysAndOptions: [...Key[], WithScores]): Promise<Members<T>>;
  zdiff(count: Value, keys: readonly Key[], ...words: Words): Promise<Members<T>>;
  zdiffstore(destination: Key, count: Value, ...keys: Words): Promise<I>;
  zdiffstore(destination: Key, count: Value, keys: readonly Key[]): Promise<I>;
  zincrby(key: Key, by: Value, member: Value): Promise<Score>;
  zinter(count: Value, ...keysAndWords: Words): Promise<Members<T>>;
  zinter(count: Value, keys: readonly Key[], options?: ZcombineOptions): Promise<Members<T>>;
  zinter(count: Value, ...keysAndOptions: [...Key[], ZcombineOptions]): Promise<Members<T>>;
  zinter(count: Value, keys: readonly Key[], ...words: Words): Promise<Members<T>>;
  zintercard(count: Value, ...keysAndWords: Words): Promise<I>;
  zintercard(count: Value, keys: readonly Key[], options?: { LIMIT?: Setting }): Promise<I>;
  zintercard(count: Value, ...keysAndOptions: [...Key[], { LIMIT?: Setting }]): Promise<I>;
  zintercard(count: Value, keys: readonly Key[], ...words: Words): Promise<I>;
  zinterstore(destination: Key, count: Value, ...keysAndWords: Words): Promise<I>;
  zinterstore(destination: Key, count: Value, keys: readonly Key[], options?: ZstoreOptions): Promise<I>;
  zinterstore(destination: Key, count: Value, ...keysAndOptions: [...Key[], ZstoreOptions]): Promise<I>;
  zinterstore(destination: Key, count: Value, keys: readonly Key[], ...words: Words): Promise<I>;
  zlexcount(key: Key, min: Bound, max: Bound): Promise<I>;
  zmpop(count: Value, ...keysAndWords: Words): Promise<[T, [T, Score][]] | null>;
  zmpop(count: Value, keys: readonly Key[], which: "MIN" | "MAX", options?: Count): Promise<[T, [T, Score][]] | null>;
  zmscore(key: Key, ...members: Keys): Promise<(Score | null)[]>;
  /** Without a count one member and its score, or an empty array; with one, pairs. */
  zpopmax(key: Key, count?: Value): Promise<[T, Score] | [] | [T, Score][]>;
  zpopmin(key: Key, count?: Value): Promise<[T, Score] | [] | [T, Score][]>;
  zrandmember(key: Key, count?: Value, ...words: Words): Promise<T | Members<T> | null>;
  zrandmember(key: Key, count: Value, options: WithScores): Promise<T | Members<T> | null>;
  zrange(key: Key, start: Bound, stop: Bound, ...options: Words): Promise<Members<T>>;
  zrange(key: Key, start: Bound, stop: Bound, options: ZrangeOptions | undefined): Promise<Members<T>>;
  zrangebylex(key: Key, min: Bound, max: Bound, ...options: Words): Promise<T[]>;
  zrangebylex(key: Key, min: Bound, max: Bound, options: Slice | undefined): Promise<T[]>;
  zrangebyscore(key: Key, min: Bound, max: Bound, ...options: Words): Promise<Members<T>>;
  zrangebyscore(key: Key, min: Bound, max: Bound, options: ZrangebyscoreOptions | undefined): Promise<Members<T>>;
  zrangestore(destination: Key, source: Key, min: Bound, max: Bound, ...options: Words): Promise<I>;
  zrangestore(
    destination: Key,
    source: Key,
    min: Bound,
    max: Bound,
    options: ZrangestoreOptions | undefined,
  ): Promise<I>;
  zrank(key: Key, member: Value, ...options: Words): Promise<I | [I, Score] | null>;
  zrank(key: Key, member: Value, options: { WITHSCORE?: Flag } | undefined): Promise<I | [I, Score] | null>;
  zrem(key: Key, ...members: Keys): Promise<I>;
  zremrangebylex(key: Key, min: Bound, max: Bound): Promise<I>;
  zremrangebyrank(key: Key, start: Value, stop: Value): Promise<I>;
  zremrangebyscore(key: Key, min: Bound, max: Bound): Promise<I>;
  zrevrange(key: Key, start: Value, stop: Value, ...options: Words): Promise<Members<T>>;
  zrevrange(key: Key, start: Value, stop: Value, options: WithScores | undefined): Promise<Members<T>>;
  zrevrangebylex(key: Key, max: Bound, min: Bound, ...options: Words): Promise<T[]>;
  zrevrangebylex(key: Key, max: Bound, min: Bound, options: Slice | undefined): Promise<T[]>;
  zrevrangebyscore(key: Key, max: Bound, min: Bound, ...options: Words): Promise<Members<T>>;
  zrevrangebyscore(key: Key, max: Bound, min: Bound, options: ZrangebyscoreOptions | undefined): Promise<Members<T>>;
  zrevrank(key: Key, member: Value, ...options: Words): Promise<I | [I, Score] | null>;
  zrevrank(key: Key, member: Value, options: { WITHSCORE?: Flag } | undefined): Promise<I | [I, Score] | null>;
  zscan(key: Key, cursor: Value, ...options: Words): Promise<[T, T[]]>;
  zscan(key: Key, cursor: Value, options: ZscanOptions | undefined): Promise<[T, T[]]>;
  zscore(key: Key, member: Value): Promise<Score | null>;
  zunion(count: Value, ...keysAndWords: Words): Promise<Members<T>>;
  zunion(count: Value, keys: readonly Key[], options?: ZcombineOptions): Promise<Members<T>>;
  zunion(count: Value, ...keysAndOptions: [...Key[], ZcombineOptions]): Promise<Members<T>>;
  zunion(count: Value, keys: readonly Key[], ...words: Words): Promise<Members<T>>;
  zunionstore(destination: Key, count: Value, ...keysAndWords: Words): Promise<I>;
  zunionstore(destination: Key, count: Value, keys: readonly Key[], options?: ZstoreOptions): Promise<I>;
  zunionstore(destination: Key, count: Value, ...keysAndOptions: [...Key[], ZstoreOptions]): Promise<I>;
  zunionstore(destination: Key, count: Value, keys: readonly Key[], ...words: Words): Promise<I>;
}

/** The connection and the server. */
export interface ServerCommands<T, I> {
  /** `"PONG"`, or the message. */
  ping(message?: Value): Promise<"PONG" | T>;
  echo(message: Value): Promise<T>;
  info(...sections: Keys): Promise<T>;
  dbsize(): Promise<I>;
  time(): Promise<[T, T]>;
  clientGetname(): Promise<T | null>;
  clientId(): Promise<I>;
  clientInfo(): Promise<T>;
  clientKill(...options: Words): Promise<"OK" | I>;
  clientKill(options: ClientFilter | undefined): Promise<"OK" | I>;
  clientList(...options: Words): Promise<T>;
  clientList(options: ClientFilter | undefined): Promise<T>;
  clientNoEvict(mode: "ON" | "OFF"): Promise<"OK">;
  clientPause(milliseconds: Value, ...options: Words): Promise<"OK">;
  clientSetname(name: string): Promise<"OK">;
  clientUnblock(id: Value, ...options: Words): Promise<I>;
  clientUnpause(): Promise<"OK">;
}

/** All commands with methods. */
export interface Commands<T, I>
  extends StringCommands<T, I>,
    KeyCommands<T, I>,
    HashCommands<T, I>,
    ListCommands<T, I>,
    SetCommands<T, I>,
    SortedSetCommands<T, I>,
    ServerCommands<T, I> {}
