// What calls may spend on Redis, what they wait for, and what is kept from others meanwhile.
import assert from "node:assert/strict";
import test from "node:test";
import { cacheScene, counting, sleep, until } from "./scene.mjs";

const questions = async (admin) => Number(/cmdstat_mget:calls=(\d+)/.exec(await admin.info("commandstats"))?.[1] ?? 0);

test("an entry whose tags one call has just learnt is a hit for the next, which has not asked for them", async (t) => {
  const { proxy, client, cache: make } = await cacheScene(t);
  const [writer, reader] = [make(), make({ timeout: "5s" }, { url: proxy.url })];
  const admin = client();
  await writer.set("k", "v", { tags: ["t"] });
  await reader.get("other");
  await proxy.slow(100);
  const count = await questions(admin);
  const first = reader.get("k");
  // The second question of the first call is there: its answer will come before that to what is asked now.
  await until(async () => (await questions(admin)) === count + 2);
  const load = counting("loaded");
  const second = reader.getOrSet("k", load);
  assert.deepEqual([await first, await second], ["v", "v"]);
  assert.equal(load.runs, 0);
});

test("the second question of a call is within the budget of the first, and shared like it", async (t) => {
  const { proxy, client, cache: make } = await cacheScene(t);
  const [writer, reader] = [make(), make({ timeout: 500 }, { url: proxy.url })];
  const admin = client();
  const keys = Array.from({ length: 50 }, (_, i) => `k${i}`);
  await writer.setMany(
    keys.map((key) => [key, "v"]),
    { tags: ["t"] },
  );
  await writer.set("slow", "v", { tags: ["u"] });
  await reader.get("other");
  const count = await questions(admin);
  assert.deepEqual(new Set(await reader.getMany(keys)), new Set(["v"]));
  assert.equal(await questions(admin), count + 2);
  await proxy.slow(400);
  const start = performance.now();
  assert.equal(await reader.getOrSet("slow", () => "loaded"), "loaded");
  const took = performance.now() - start;
  assert.ok(took < 700, `it took ${took} ms`);
});

test("a schema that takes its time is no sign that Redis does", async (t) => {
  const { cache: make } = await cacheScene(t);
  const cache = make();
  await cache.set("k", "v");
  const validate = async () => {
    await sleep(350);
    return { issues: [{ message: "no" }] };
  };
  assert.equal(await cache.getOrSet("k", () => "new", { schema: { "~standard": { validate } } }), "new");
  const { invalid, fallbacks } = cache.stats();
  assert.deepEqual([invalid, fallbacks.timeout, fallbacks.doubted], [1, 0, 0]);
  assert.equal(await cache.get("k"), "new");
});

test("what waits for its turn to be loaded is stored all the same", async (t) => {
  const { cache: make } = await cacheScene(t);
  const cache = make({ maxConcurrentLoads: 1 });
  const load = counting((n) => n, 1_300);
  const keys = ["a", "b", "c", "d"];
  await Promise.all(keys.map((key) => cache.getOrSet(key, load)));
  await until(() => cache.stats().fills + cache.stats().fillsRefused === keys.length);
  assert.equal(cache.stats().fillsRefused, 0);
  assert.deepEqual(await cache.getMany(keys), [1, 2, 3, 4]);
});

test("waiting for another process's load is not waiting for Redis", async (t) => {
  const { proxy, cache: make } = await cacheScene(t);
  const [loading, waiting] = [make(), make({}, { url: proxy.url })];
  await waiting.get("other");
  const load = counting("loaded", 2_500);
  const loaded = loading.getOrSet("k", load);
  await sleep(50);
  await proxy.slow(20);
  assert.equal(await waiting.getOrSet("k", counting("loaded once more")), "loaded");
  assert.equal(await loaded, "loaded");
  const { loads, fallbacks } = waiting.stats();
  assert.deepEqual([loads, fallbacks.timeout], [0, 0]);
});

test("a lease that is granted to a load which has been given up keeps nobody waiting", async (t) => {
  const { proxy, client, cache: make } = await cacheScene(t);
  const cache = make({ timeout: "5s" }, { url: proxy.url });
  const admin = client();
  await cache.get("other");
  await proxy.slow(50);
  const old = cache.getOrSet("k", counting("old", 2_000), { tags: ["t"] });
  await until(() => admin.exists("el:{app|k}"));
  // The lease is there, and this process does not know yet.
  const given = cache.deleteByTag("t");
  await given;
  await proxy.heal();
  const start = performance.now();
  assert.equal(await cache.getOrSet("k", () => "new", { tags: ["t"] }), "new");
  assert.ok(performance.now() - start < 1_000);
  assert.equal(await old, "old");
});
