// What a test in Jest does with the package when it asks for nothing: Jest's own defaults, by require().
const { createClient, DisabledError, isRedisError, ReplyError } = require("edgis");
const { createCache, absent } = require("edgis/cache");
const { faultProxy, resetRegistry, startRedis } = require("edgis/testing");

let server;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const clientOf = (url = server.url) => createClient({ url, logger: false });

test("sets and gets what every realm makes of it", async () => {
  const redis = clientOf();
  expect(await redis.set("k", "grüße", { EX: 60 })).toBe("OK");
  expect(await redis.get("k")).toBe("grüße");
  expect(await redis.bytes.get("k")).toEqual(Uint8Array.from(Buffer.from("grüße")));
  await redis.set("bytes", Uint8Array.of(0, 255));
  expect([...(await redis.bytes.get("bytes"))]).toEqual([0, 255]);
  const large = "v".repeat(300_000);
  await redis.set("large", large);
  expect(await redis.get("large")).toBe(large);
  await redis.hset("hash", { name: "Ada", visits: 1 });
  expect(await redis.hgetall("hash")).toEqual({ name: "Ada", visits: "1" });
  await redis.close();
});

test("errors are those of the package and of this realm", async () => {
  const redis = clientOf();
  const error = await redis.call("NOSUCH").catch((caught) => caught);
  expect(error).toBeInstanceOf(ReplyError);
  expect(error).toBeInstanceOf(Error);
  expect(isRedisError(error)).toBe(true);
  await expect(redis.incr("k")).rejects.toThrow(/not an integer/);
  await redis.close();
});

test("a module registry that is reset leaves one connection", async () => {
  const redis = clientOf();
  await redis.ping();
  jest.resetModules();
  const again = require("edgis");
  expect(again.createClient).not.toBe(createClient);
  const other = again.createClient({ url: server.url, logger: false });
  expect(await other.get("k")).toBe("grüße");
  expect(other.stats().dials).toBe(1);
  await Promise.all([redis.close(), other.close()]);
});

test("fake timers do not freeze it", async () => {
  jest.useFakeTimers();
  try {
    const redis = clientOf();
    expect(await redis.get("k")).toBe("grüße");
    await redis.close();
  } finally {
    jest.useRealTimers();
  }
});

test("a server that is away and comes back", async () => {
  const proxy = await faultProxy(server.url);
  const redis = clientOf(proxy.url);
  await redis.ping();
  await proxy.down();
  const error = await redis.set("k", "v").catch((caught) => caught);
  expect(isRedisError(error)).toBe(true);
  await redis.init();
  redis.set("fire", "and forget");
  await expect(redis.get("k")).rejects.toBeInstanceOf(DisabledError);
  await proxy.heal();
  resetRegistry();
  expect(await redis.get("k")).toBe("grüße");
  await Promise.all([redis.close(), proxy.close()]);
});

test("the cache loads once, and knows what is absent", async () => {
  const redis = clientOf();
  const cache = createCache({ client: redis, namespace: "jest", ttl: "1m" });
  const load = jest.fn(async () => ({ price: 40n, at: new Date(0) }));
  const all = await Promise.all([cache.getOrSet("chair", load), cache.getOrSet("chair", load)]);
  expect(all).toEqual([
    { price: 40n, at: new Date(0) },
    { price: 40n, at: new Date(0) },
  ]);
  expect(load).toHaveBeenCalledTimes(1);
  expect(await cache.getOrSet("table", () => absent)).toBeUndefined();
  await redis.close();
});

// Left open on purpose: what is idle keeps no process alive.
test("a client that nobody closes", async () => {
  expect(await clientOf().get("k")).toBe("grüße");
});
