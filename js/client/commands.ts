/**
 * The commands that have methods of their own. Their arguments stand in the order of Redis's documentation; options may
 * be positional (`set("k", "v", "EX", 60)`) or objects (`set("k", "v", { EX: 60 })`), fields and members too
 * (`hset("h", { a: 1 })`). Times among them are in Redis's units. Every other command goes through `call`.
 *
 * `T` is how text comes back, `I` how integers do.
 */
import type { CommandArgument, Value } from "./arguments.js";

type Key = Value;
type Keys = readonly (Key | readonly Key[])[];
type Options = readonly CommandArgument[];
/** Fields and values: in turns, or as objects of any type whose values a command takes. */
type Fields = readonly (CommandArgument | object)[];
/** A score: a double, with `Infinity` and `-Infinity`. */
type Score = number;
type Bound = Value;

/** Strings: https://redis.io/docs/latest/commands/?group=string */
export interface StringCommands<T, I> {
  append(key: Key, value: Value): Promise<I>;
  decr(key: Key): Promise<I>;
  decrby(key: Key, by: Value): Promise<I>;
  /** The value, or null when there is none. */
  get(key: Key): Promise<T | null>;
  getdel(key: Key): Promise<T | null>;
  getex(key: Key, ...options: Options): Promise<T | null>;
  getrange(key: Key, start: Value, end: Value): Promise<T>;
  getset(key: Key, value: Value): Promise<T | null>;
  incr(key: Key): Promise<I>;
  incrby(key: Key, by: Value): Promise<I>;
  /** The new value as text, since a double could lose digits. */
  incrbyfloat(key: Key, by: Value): Promise<T>;
  lcs(a: Key, b: Key, ...options: Options): Promise<T | I | Record<string, unknown>>;
  /** In the order of the keys, null where there is no value. */
  mget(...keys: Keys): Promise<(T | null)[]>;
  mset(...pairs: Fields): Promise<"OK">;
  /** 1 when all were set, 0 when none. */
  msetnx(...pairs: Fields): Promise<I>;
  psetex(key: Key, milliseconds: Value, value: Value): Promise<"OK">;
  /** `"OK"`; null when NX or XX kept it from being set; with GET the old value. */
  set(key: Key, value: Value, ...options: Options): Promise<"OK" | T | null>;
  setex(key: Key, seconds: Value, value: Value): Promise<"OK">;
  setnx(key: Key, value: Value): Promise<I>;
  setrange(key: Key, offset: Value, value: Value): Promise<I>;
  strlen(key: Key): Promise<I>;
}

/** Keys: https://redis.io/docs/latest/commands/?group=generic */
export interface KeyCommands<T, I> {
  /** 1 when it was copied. */
  copy(source: Key, destination: Key, ...options: Options): Promise<I>;
  /** How many were there. */
  del(...keys: Keys): Promise<I>;
  dump(key: Key): Promise<T | null>;
  exists(...keys: Keys): Promise<I>;
  expire(key: Key, seconds: Value, ...options: Options): Promise<I>;
  expireat(key: Key, unixSeconds: Value, ...options: Options): Promise<I>;
  expiretime(key: Key): Promise<I>;
  keys(pattern: Value): Promise<T[]>;
  persist(key: Key): Promise<I>;
  pexpire(key: Key, milliseconds: Value, ...options: Options): Promise<I>;
  pexpireat(key: Key, unixMilliseconds: Value, ...options: Options): Promise<I>;
  pexpiretime(key: Key): Promise<I>;
  /** Milliseconds left; -1 without expiry, -2 without key. */
  pttl(key: Key): Promise<I>;
  randomkey(): Promise<T | null>;
  rename(key: Key, newKey: Key): Promise<"OK">;
  renamenx(key: Key, newKey: Key): Promise<I>;
  restore(key: Key, ttl: Value, serialized: Value, ...options: Options): Promise<"OK">;
  /** The next cursor (`"0"` at the end) and some keys. */
  scan(cursor: Value, ...options: Options): Promise<[T, T[]]>;
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
  /** A plain object, empty when there is no key. A field `__proto__` is just a field. */
  hgetall(key: Key): Promise<Record<string, T>>;
  hincrby(key: Key, field: Value, by: Value): Promise<I>;
  hincrbyfloat(key: Key, field: Value, by: Value): Promise<T>;
  hkeys(key: Key): Promise<T[]>;
  hlen(key: Key): Promise<I>;
  hmget(key: Key, ...fields: Keys): Promise<(T | null)[]>;
  hmset(key: Key, ...fields: Fields): Promise<"OK">;
  hrandfield(key: Key, ...options: Options): Promise<T | T[] | [T, T][] | null>;
  hscan(key: Key, cursor: Value, ...options: Options): Promise<[T, T[]]>;
  /** How many fields are new. */
  hset(key: Key, ...fields: Fields): Promise<I>;
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
  lmpop(count: Value, ...options: Options): Promise<[T, T[]] | null>;
  lpop(key: Key, count?: Value): Promise<T | T[] | null>;
  lpos(key: Key, element: Value, ...options: Options): Promise<I | I[] | null>;
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
  sintercard(count: Value, ...keysAndOptions: Options): Promise<I>;
  sinterstore(destination: Key, ...keys: Keys): Promise<I>;
  sismember(key: Key, member: Value): Promise<I>;
  smembers(key: Key): Promise<T[]>;
  smismember(key: Key, ...members: Keys): Promise<I[]>;
  smove(source: Key, destination: Key, member: Value): Promise<I>;
  spop(key: Key, count?: Value): Promise<T | T[] | null>;
  srandmember(key: Key, count?: Value): Promise<T | T[] | null>;
  srem(key: Key, ...members: Keys): Promise<I>;
  sscan(key: Key, cursor: Value, ...options: Options): Promise<[T, T[]]>;
  sunion(...keys: Keys): Promise<T[]>;
  sunionstore(destination: Key, ...keys: Keys): Promise<I>;
}

/** Members; with WITHSCORES, pairs of member and score. */
type Members<T> = T[] | [T, Score][];

/** Sorted sets: https://redis.io/docs/latest/commands/?group=sorted-set. Scores are numbers, in RESP2 as in RESP3. */
export interface SortedSetCommands<T, I> {
  /** How many members are new; with INCR the new score, or null when a condition kept it. */
  zadd(key: Key, ...scoresAndMembers: Options): Promise<I | Score | null>;
  zcard(key: Key): Promise<I>;
  zcount(key: Key, min: Bound, max: Bound): Promise<I>;
  zdiff(count: Value, ...keysAndOptions: Options): Promise<Members<T>>;
  zdiffstore(destination: Key, count: Value, ...keys: Keys): Promise<I>;
  zincrby(key: Key, by: Value, member: Value): Promise<Score>;
  zinter(count: Value, ...keysAndOptions: Options): Promise<Members<T>>;
  zintercard(count: Value, ...keysAndOptions: Options): Promise<I>;
  zinterstore(destination: Key, count: Value, ...keysAndOptions: Options): Promise<I>;
  zlexcount(key: Key, min: Bound, max: Bound): Promise<I>;
  zmpop(count: Value, ...keysAndOptions: Options): Promise<[T, [T, Score][]] | null>;
  zmscore(key: Key, ...members: Keys): Promise<(Score | null)[]>;
  /** Without a count one member and its score, or an empty array; with one, pairs. */
  zpopmax(key: Key, count?: Value): Promise<[T, Score] | [] | [T, Score][]>;
  zpopmin(key: Key, count?: Value): Promise<[T, Score] | [] | [T, Score][]>;
  zrandmember(key: Key, ...options: Options): Promise<T | Members<T> | null>;
  zrange(key: Key, start: Bound, stop: Bound, ...options: Options): Promise<Members<T>>;
  zrangebylex(key: Key, min: Bound, max: Bound, ...options: Options): Promise<T[]>;
  zrangebyscore(key: Key, min: Bound, max: Bound, ...options: Options): Promise<Members<T>>;
  zrangestore(destination: Key, source: Key, min: Bound, max: Bound, ...options: Options): Promise<I>;
  zrank(key: Key, member: Value, ...options: Options): Promise<I | [I, Score] | null>;
  zrem(key: Key, ...members: Keys): Promise<I>;
  zremrangebylex(key: Key, min: Bound, max: Bound): Promise<I>;
  zremrangebyrank(key: Key, start: Value, stop: Value): Promise<I>;
  zremrangebyscore(key: Key, min: Bound, max: Bound): Promise<I>;
  zrevrange(key: Key, start: Value, stop: Value, ...options: Options): Promise<Members<T>>;
  zrevrangebylex(key: Key, max: Bound, min: Bound, ...options: Options): Promise<T[]>;
  zrevrangebyscore(key: Key, max: Bound, min: Bound, ...options: Options): Promise<Members<T>>;
  zrevrank(key: Key, member: Value, ...options: Options): Promise<I | [I, Score] | null>;
  zscan(key: Key, cursor: Value, ...options: Options): Promise<[T, T[]]>;
  zscore(key: Key, member: Value): Promise<Score | null>;
  zunion(count: Value, ...keysAndOptions: Options): Promise<Members<T>>;
  zunionstore(destination: Key, count: Value, ...keysAndOptions: Options): Promise<I>;
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
  clientKill(...options: Options): Promise<"OK" | I>;
  clientList(...options: Options): Promise<T>;
  clientNoEvict(mode: "ON" | "OFF"): Promise<"OK">;
  clientPause(milliseconds: Value, ...options: Options): Promise<"OK">;
  clientSetname(name: string): Promise<"OK">;
  clientUnblock(id: Value, ...options: Options): Promise<I>;
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
