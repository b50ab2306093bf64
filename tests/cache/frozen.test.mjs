// Processes that are blocked, frozen between requests, or whose clock is set: that is no sign that Redis does not answer.
import assert from "node:assert/strict";
import test from "node:test";
import { cacheScene, sleep, until } from "./scene.mjs";

const sum = (counts) => Object.values(counts).reduce((all, count) => all + count, 0);

/** The wall clock goes on by so many milliseconds while the monotonic one stands still, as in a function that is frozen. */
function freezer(t) {
  const { runtime } = globalThis[Symbol.for("edgis.engine.1")];
  const { wallClock } = runtime;
  let skew = 0;
  runtime.wallClock = () => wallClock() + skew;
  t.after(() => {
    runtime.wallClock = wallClock;
  });
  return (milliseconds) => {
    skew += milliseconds;
  };
}

function block(milliseconds) {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
}

test("a process that computes right after it asked has its hits, and its misses stored", async (t) => {
  const { cache: make } = await cacheScene(t);
  const [cache, other] = [make(), make({}, { name: "other" })];
  const keys = Array.from({ length: 10 }, (_, i) => `k${i}`);
  await cache.setMany(keys.map((key) => [key, key]));
  for (const milliseconds of [100, 300, 700]) {
    for (let round = 0; round < 3; round += 1) {
      const miss = [milliseconds, round];
      const asked = [
        ...keys.map((key) => cache.getOrSet(key, () => "loaded")),
        cache.getOrSet(["m", ...miss], () => "m"),
      ];
      setImmediate(() => block(milliseconds));
      assert.deepEqual(await Promise.all(asked), [...keys, "m"]);
      await until(async () => (await other.get(["m", ...miss])) === "m");
    }
  }
  assert.equal(sum(cache.stats().fallbacks), 0);
});

test("a function that is frozen between requests fills the cache, and does not doubt Redis", async (t) => {
  const { cache: make } = await cacheScene(t);
  const [cache, other] = [make({ ttl: "1h" }), make({ ttl: "1h" }, { name: "other" })];
  await cache.set("warm", "warm");
  const freeze = freezer(t);
  for (let i = 0; i < 10; i += 1) {
    freeze(5_000);
    assert.equal(await cache.getOrSet(["miss", i], () => i), i);
    await until(async () => (await other.get(["miss", i])) === i);
    freeze(5_000);
    assert.equal(await cache.getOrSet("warm", () => "loaded"), "warm");
    freeze(5_000);
    assert.equal((await cache.delete(["miss", i])).outcome, "applied");
  }
  assert.equal(sum(cache.stats().fallbacks), 0);
});

test("a clock that is set gives up no loader, and one that takes too long is given up all the same", async (t) => {
  const { client: makeClient, cache: make } = await cacheScene(t);
  const cache = make({ loadTimeout: 1_500 });
  const client = makeClient();
  await cache.get("warm");
  const freeze = freezer(t);
  const loading = cache.getOrSet("k", () => sleep(1_200).then(() => "loaded"));
  const hanging = cache.getOrSet("hangs", () => new Promise(() => {}));
  await sleep(100);
  freeze(3_600_000);
  await client.ping();
  assert.equal(await loading, "loaded");
  await assert.rejects(hanging, { name: "TimeoutError" });
});

test("a Redis that is slow is doubted as before", async (t) => {
  const { proxy, cache: make } = await cacheScene(t);
  const cache = make({ timeout: 150 }, { url: proxy.url });
  await cache.set("k", "v");
  await proxy.slow(100);
  const start = performance.now();
  // Two questions of 100 ms each, or more, are more than it may take.
  assert.equal(await cache.getOrSet("miss", () => "loaded"), "loaded");
  await until(async () => cache.stats().fallbacks.timeout > 0);
  assert.ok(performance.now() - start < 1_000);
});
