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

/** Caches of as many processes, and how many of their loaders run at once. */
function processes(make, count, options = {}) {
  const running = { now: 0, most: 0, runs: 0 };
  const loader = (end) => async (context) => {
    running.runs += 1;
    running.now += 1;
    running.most = Math.max(running.most, running.now);
    await sleep(80);
    running.now -= 1;
    return end(context);
  };
  const caches = Array.from({ length: count }, (_, i) => make(options, { name: `p${i}` }));
  return { caches, running, loader };
}

class Row {}

for (const [kind, end, options] of [
  ["skipped", ({ skip }) => skip(1)],
  ["no data", () => new Row()],
  ["not to be kept", () => 1, { ttl: 0 }],
  [
    "an error",
    () => {
      throw new Error("away");
    },
  ],
]) {
  test(`processes do not queue for what is never stored: ${kind}`, async (t) => {
    const { cache: make } = await cacheScene(t);
    const { caches, running, loader } = processes(make, 6);
    const read = (cache) => cache.getOrSet("k", loader(end), options).catch(() => {});
    for (let i = 0; i < 3; i += 1) await Promise.all(caches.map(read));
    assert.equal(running.runs, 18);
    assert.ok(running.most >= 4, `${running.most} at once`);
    // As soon as it can be stored it is.
    assert.equal(await caches[0].getOrSet("k", () => "kept"), "kept");
    await until(async () => (await caches[1].get("k")) === "kept");
  });
}

test("calls of a process share a load that is made beside another process's, until something is invalidated", async (t) => {
  const { cache: make } = await cacheScene(t);
  const [one, other] = [make(), make({}, { name: "other" })];
  // Both know that it is not stored.
  for (const cache of [one, other]) await cache.getOrSet("k", ({ skip }) => skip(0));
  let release;
  const released = new Promise((resolve) => {
    release = resolve;
  });
  let origin = 1;
  let runs = 0;
  const loading = other.getOrSet("k", async ({ skip }) => {
    await released;
    return skip(origin);
  });
  await sleep(50);
  const load = async ({ skip }) => {
    runs += 1;
    const value = origin;
    await sleep(300);
    return skip(value);
  };
  const first = [];
  for (let i = 0; i < 10; i += 1) {
    first.push(one.getOrSet("k", load));
    await sleep(10);
  }
  assert.equal(runs, 1);
  origin = 2;
  await other.delete("k");
  assert.equal(await one.getOrSet("k", load), 2);
  assert.equal(runs, 2);
  assert.deepEqual(new Set(await Promise.all(first)), new Set([1]));
  release();
  await loading;
});

test("what has just failed is not tried again where there is an old value, by nobody", async (t) => {
  const { cache: make } = await cacheScene(t);
  const settings = { ttl: 50, jitter: 0, graceOnError: "1m", graceBackoff: 600 };
  const [one, other] = [make(settings), make(settings, { name: "other" })];
  let runs = 0;
  let isAway = true;
  const load = () => {
    runs += 1;
    if (isAway) throw new Error("away");
    return "new";
  };
  await one.set("k", "old");
  await sleep(70);
  const start = performance.now();
  do {
    assert.equal(await one.getOrSet("k", load), "old");
    // A tick later, so that it finds what the first has left.
    await sleep(5);
    assert.equal(await other.getOrSet("k", load), "old");
  } while (performance.now() - start < 400);
  assert.equal(runs, 1);
  await until(async () => (await one.getOrSet("k", load)) && runs === 2);
  // It is given up all the same.
  await other.delete("k");
  isAway = false;
  assert.deepEqual([await one.getOrSet("k", load), await other.getOrSet("k", load)], ["new", "new"]);
});

test("a stale value is not refreshed at each call while the loader fails", async (t) => {
  const { cache: make } = await cacheScene(t);
  const cache = make({ ttl: 30, staleWhileRevalidate: "1m", graceBackoff: 500 });
  await cache.set("k", "old");
  await sleep(50);
  const load = counting(() => {
    throw new Error("away");
  });
  const start = performance.now();
  while (performance.now() - start < 300) {
    assert.equal(await cache.getOrSet("k", load), "old");
    await sleep(2);
  }
  assert.equal(load.runs, 1);
});

test("what is never stored, and what Redis refuses, is said once, without a key", async (t) => {
  const lines = [];
  const log = (line) => lines.push(line);
  const { server, client, cache: make } = await cacheScene(t, ["--user", "app", "on", "nopass", "~*", "&*", "+@all"]);
  const cache = make(
    {},
    { url: server.url.replace("//", "//app:x@"), logger: { debug: log, info: log, warn: log, error: log } },
  );
  for (let i = 0; i < 5; i += 1) {
    await cache.getOrSet(`user:secret${i}`, () => [new Row()]);
    await cache.getOrSet(["post", `secret${i}`], () => new Row());
    await cache.getOrSet(`secret${i}`, () => new Row());
  }
  await until(() => cache.stats().unserialisable === 15);
  await client().call("ACL", "SETUSER", "app", "-del");
  for (let i = 0; i < 5; i += 1) await cache.delete(`secret${i}`);
  await client().call("ACL", "SETUSER", "app", "+@all", "-evalsha");
  for (let i = 0; i < 5; i += 1) await cache.getOrSet(`user:more${i}`, () => i);
  await until(() => lines.some((line) => line.includes("stores (NOPERM)")));
  const told = lines.filter((line) => line.includes('cache "app"'));
  assert.equal(told.length, 5, told.join("\n"));
  for (const [i, pattern] of [
    "like user:* ",
    'like ["post", *] ',
    "like * ",
    "invalidates (NOPERM)",
    "stores (NOPERM)",
  ].entries()) {
    assert.ok(told[i].includes(pattern), told[i]);
  }
  assert.ok(!told.some((line) => line.includes("secret")), told.join("\n"));
});
