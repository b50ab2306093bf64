// Compiled, never run: what a strict program may rely on.
import { type Client, createClient, isRedisError, type Status } from "edgis";
import { type Decision, RateLimit } from "edgis/ratelimit";
import { type Fault, faultProxy, type RedisServer, resetRegistry, startRedis } from "edgis/testing";

export const redis: Client = createClient({ url: process.env.REDIS_URL });

export async function program(): Promise<string | null> {
  const status: Status = await redis.init();
  if (status.state === "disabled") console.log(status.reason, status.hint);
  try {
    await redis.set("greeting", "hello", { EX: 60 });
    return await redis.get("greeting");
  } catch (error) {
    if (isRedisError(error)) {
      console.log(error.code, error.sent);
      if (error.kind === "TimeoutError") console.log(error.phase satisfies "connect" | "queue" | "reply");
      if (error.kind === "DisabledError" || error.kind === "ConnectError") console.log(error.reason);
      // @ts-expect-error: not every error has a phase.
      console.log(error.phase);
    }
    return null;
  } finally {
    await redis.close();
  }
}

export async function limited(key: string): Promise<Response | undefined> {
  const limits = new RateLimit(redis, { name: "api", limit: 10, window: "1s", whenUnavailable: "allow" });
  const decision: Decision = await limits.limit(key, { cost: 2 });
  if (decision.retryAfter !== null) console.log(decision.retryAfter + 1);
  // @ts-expect-error: a rule, or rules.
  new RateLimit(redis, { name: "api", limit: 10, window: "1s", rules: {} });
  // @ts-expect-error: no window.
  new RateLimit(redis, { name: "api", limit: 10 });
  return decision.allowed ? undefined : limits.response(decision);
}

export async function tested(): Promise<void> {
  const server: RedisServer = await startRedis({ args: ["--maxclients", "20"], tls: true });
  const client = createClient({ url: server.url, tls: server.tls, password: process.env.REDIS_PASSWORD });
  client.with({ timeout: undefined, signal: undefined, logger: undefined });
  await client.ready({ timeout: "1.5s" });
  // @ts-expect-error: no unit.
  client.with({ timeout: "5" });
  const fault: Fault = { toClient: { after: 3, do: { say: "?" } }, toServer: { split: 1 } };
  const proxy = await faultProxy(server.url, { host: "::1", script: ({ number }) => (number > 1 ? fault : undefined) });
  await proxy.slow(10);
  proxy.strike(fault);
  resetRegistry();
  await Promise.all([client.close(), proxy.close(), server.stop()]);
}

interface User {
  name: string;
  visits: number;
}

/** What maps become. */
export async function mapped(): Promise<string[]> {
  const text: Record<string, string> = await redis.hgetall("h");
  const bytes: Map<Uint8Array, Uint8Array> = await redis.bytes.hgetall("h");
  // @ts-expect-error: bytes are no names of properties.
  bytes.name;
  return [...Object.values(text), ...[...bytes].map(([field, value]) => `${field}${value}`)];
}

/** What the places of commands take, and what would be another command. */
export function placed(user: User, partial: { name?: string }, body: { value: unknown; ttl: number }): unknown[] {
  const bytes = new Uint8Array(1);
  return [
    redis.set("k", "v"),
    redis.set("k", "v", "EX", 60),
    redis.set("k", "v", { EX: 60, NX: true }),
    redis.set("k", "v", undefined),
    redis.set("k", "v", { EX: body.ttl > 0 && body.ttl }),
    redis.hset("h", user),
    redis.hset("h", { a: 1, b: 2n, c: bytes }),
    redis.hset("h", ["a", 1]),
    redis.hset("h", "a", 1),
    redis.hset("h", { a: 1 }, "c", 3),
    redis.mset({ a: 1 }),
    redis.mset("a", 1),
    redis.mset(["a", 1]),
    redis.mset(Object.fromEntries([["a", 1]])),
    redis.del("a", ["b"]),
    redis.mget(["a"]),
    redis.zadd("z", { NX: true }, 1, "a"),
    redis.zadd("z", "NX", 1, "a"),
    redis.zadd("z", [1, "a"]),
    redis.zunion(2, "a", "b"),
    redis.zunion(2, ["a", "b"], { WEIGHTS: [1, 2] }),
    redis.zunion(2, "a", "b", { WITHSCORES: true }),
    redis.zunion(2, ["a", "b"], "WITHSCORES"),
    redis.zrange("z", 0, -1, { LIMIT: [0, 1], BYSCORE: true }),
    redis.zrank("z", "m", { WITHSCORE: true }),
    redis.scan(0, { MATCH: "x" }),
    redis.hrandfield("h"),
    redis.hrandfield("h", 2, { WITHVALUES: true }),
    redis.hrandfield("h", 2, "WITHVALUES"),
    redis.lmpop(1, ["a"], "LEFT", { COUNT: 1 }),
    redis.lmpop(1, "a", "LEFT"),
    redis.call("SET", "k", "v", "EX", 60),
    redis.clientKill({ ID: 5 }),
    redis.expire("k", 1, { NX: true }),
    // @ts-expect-error: not in this place.
    redis.set("k", body.value),
    // @ts-expect-error: not in this place.
    redis.set("k", ["a"]),
    // @ts-expect-error: not in this place.
    redis.set("k", { a: 1 }),
    // @ts-expect-error: not in this place.
    redis.set("k", true),
    // @ts-expect-error: not in this place.
    redis.set("k", null),
    // @ts-expect-error: not in this place.
    redis.set("k", "v", { EXX: 60 }),
    // @ts-expect-error: not in this place.
    redis.set("k", "v", { EX: [1] }),
    // @ts-expect-error: not in this place.
    redis.set("k", "v", { EX: true }),
    // @ts-expect-error: not in this place.
    redis.set("k", "v", { NX: "GET" }),
    // @ts-expect-error: not in this place.
    redis.set("k", "v", ["EX", 1]),
    // @ts-expect-error: not in this place.
    redis.set("k", "v", "EX", { NX: true }),
    // @ts-expect-error: not in this place.
    redis.hset("h", { admin: true }),
    // @ts-expect-error: not in this place.
    redis.hset("h", { a: null }),
    // @ts-expect-error: not in this place.
    redis.hset("h", { a: { b: 1 } }),
    // @ts-expect-error: not in this place.
    redis.hset("h", partial),
    // @ts-expect-error: not in this place.
    redis.hset("h", { a: 1 }, { c: 3 }),
    // @ts-expect-error: not in this place.
    redis.hset("h", "name", ["a"]),
    // @ts-expect-error: not in this place.
    redis.hset("h", new Date()),
    // @ts-expect-error: not in this place.
    redis.hset("h", [["a", 1]]),
    // @ts-expect-error: not in this place.
    redis.mset({ a: [1] }),
    // @ts-expect-error: not in this place.
    redis.mset({ a: undefined }),
    // @ts-expect-error: not in this place.
    redis.zadd("z", 1, ["m"]),
    // @ts-expect-error: not in this place.
    redis.zadd("z", { NX: 1 }, 1, "m"),
    // @ts-expect-error: not in this place.
    redis.del({ a: 1 }),
    // @ts-expect-error: not in this place.
    redis.del([["a"]]),
    // @ts-expect-error: not in this place.
    redis.call("SET", "k", { a: 1 }),
    // @ts-expect-error: not in this place.
    redis.call("DEL", ["k"]),
    // @ts-expect-error: not in this place.
    redis.get(["k"]),
    // @ts-expect-error: not in this place.
    redis.expire("k", ["1"]),
  ];
}
