// By ts-jest, which checks the types that require() gives and compiles to CommonJS.
import { type Client, createClient, type DisabledError, isRedisError, ReplyError } from "edgis";
import { type Cache, createCache } from "edgis/cache";
import { type RedisServer, startRedis } from "edgis/testing";

let server: RedisServer;
let redis: Client;
beforeAll(async () => {
  server = await startRedis();
  redis = createClient({ url: server.url, logger: false });
});
afterAll(async () => {
  await redis.close();
  await server.stop();
});

test("sets and gets", async () => {
  const set: string | null = await redis.set("k", "grüße", { EX: 60 });
  const got: string | null = await redis.get("k");
  expect([set, got]).toEqual(["OK", "grüße"]);
  const cache: Cache = createCache({ client: redis, namespace: "ts-jest", ttl: "1m" });
  const value: { a: bigint } | undefined = await cache.getOrSet("x", () => ({ a: 1n }));
  expect(value).toEqual({ a: 1n });
});

test("an error tells its kind", async () => {
  const error: unknown = await redis.call("NOSUCH").catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ReplyError);
  if (!isRedisError(error)) throw new Error("it is none of ours");
  // @ts-expect-error: not every error has a reason.
  const reason: DisabledError["reason"] | undefined = error.reason;
  expect([error.kind, reason]).toEqual(["ReplyError", undefined]);
});
