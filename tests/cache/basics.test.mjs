// What the methods of a cache do while all is well.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import test, { after, before, beforeEach } from "node:test";
import { createClient, UsageError } from "edgis";
import { absent, createCache } from "edgis/cache";
import { startRedis } from "edgis/testing";
import { caught, counting, protocols, sleep, until } from "./scene.mjs";

let server;
before(async () => {
  server = await startRedis();
});
after(() => server.stop());

for (const protocol of protocols) {
  test(`over RESP${protocol}`, async (t) => {
    const client = createClient({ url: server.url, protocol, logger: false });
    let cache;
    before(() => client.init());
    beforeEach(async () => {
      await client.call("FLUSHALL");
      cache = createCache({ client, namespace: "app", ttl: "1m" });
    });
    after(() => client.close());

    await t.test("getOrSet loads once and then has it", async () => {
      const load = counting((n) => ({ n }));
      assert.deepEqual(await cache.getOrSet("k", load), { n: 1 });
      assert.deepEqual(await cache.getOrSet("k", load), { n: 1 });
      assert.equal(load.runs, 1);
      const { hits, misses, loads, fills } = cache.stats();
      assert.deepEqual({ hits, misses, loads, fills }, { hits: 1, misses: 1, loads: 1, fills: 1 });
    });

    await t.test("a hit crosses into the core twice and sends no script", async () => {
      await cache.set("k", "v", { tags: ["t"] });
      assert.equal(await cache.get("k"), "v");
      const before = await client.info("commandstats");
      // Where the machine is busy the timer of the deadlines may fire in between, which is a crossing.
      let fewest = Number.POSITIVE_INFINITY;
      let asked = Number.POSITIVE_INFINITY;
      for (let i = 0; i < 10 && (fewest > 2 || asked > 1); i += 1) {
        const start = client.stats();
        assert.equal(await cache.getOrSet("k", counting()), "v");
        const { crossings, commands } = client.stats();
        fewest = Math.min(fewest, crossings - start.crossings);
        // Once a second it also asks who is there.
        asked = Math.min(asked, commands - start.commands);
      }
      assert.deepEqual([fewest, asked], [2, 1]);
      const scripts = (text) => /cmdstat_eval(?:sha)?:calls=(\d+)/g[Symbol.match](text);
      assert.deepEqual(scripts(await client.info("commandstats"))?.map(String), scripts(before)?.map(String));
    });

    await t.test("a hundred hits of a tick share one question", async () => {
      await cache.setMany(Array.from({ length: 100 }, (_, i) => [["n", i], i]));
      let fewest = Number.POSITIVE_INFINITY;
      let asked = Number.POSITIVE_INFINITY;
      for (let i = 0; i < 5 && (fewest > 2 || asked > 1); i += 1) {
        const start = client.stats();
        const values = await Promise.all(Array.from({ length: 100 }, (_, n) => cache.getOrSet(["n", n], counting())));
        assert.deepEqual(values, [...values.keys()]);
        const { crossings, commands } = client.stats();
        fewest = Math.min(fewest, crossings - start.crossings);
        // Once a second it also asks who is there.
        asked = Math.min(asked, commands - start.commands);
      }
      assert.deepEqual([fewest, asked], [2, 1]);
    });

    await t.test("delete, also of several keys, and of keys with parts", async () => {
      await cache.setMany([
        ["a", 1],
        ["b", 2],
        [["a", "b"], 3],
        [["a", 1], 4],
      ]);
      assert.deepEqual(await cache.getMany(["a", "b", ["a", "b"], ["a", 1]]), [1, 2, 3, 4]);
      assert.deepEqual(await cache.delete("a"), { outcome: "applied" });
      assert.deepEqual(await cache.getMany(["a", "b", ["a", "b"]]), [undefined, 2, 3]);
      await cache.delete(["a", 1]);
      assert.deepEqual(await cache.get(["a", 1]), undefined);
      await cache.delete(["a", "b"]);
      assert.deepEqual(await cache.getMany(["b", ["a", "b"]]), [undefined, undefined]);
      await cache.set(["x", "y"], 1);
      await cache.delete([["x", "y"]]);
      assert.equal(await cache.get(["x", "y"]), undefined);
    });

    await t.test("deleteByTag gives up what has the tag, and nothing else", async () => {
      await cache.set("a", 1, { tags: ["odd", "small"] });
      await cache.set("b", 2, { tags: (value) => [value % 2 === 0 ? "even" : "odd"] });
      await cache.getOrSet("c", () => 3, { tags: (value) => [`is ${value}`] });
      await until(() => cache.stats().fills === 1);
      assert.deepEqual(await cache.getMany(["a", "b", "c"]), [1, 2, 3]);
      assert.deepEqual(await cache.deleteByTag("odd"), { outcome: "applied" });
      assert.deepEqual(await cache.getMany(["a", "b", "c"]), [undefined, 2, 3]);
      await cache.deleteByTag(["even", "is 3"]);
      assert.deepEqual(await cache.getMany(["b", "c"]), [undefined, undefined]);
    });

    await t.test("clear gives up the namespace, and no other", async () => {
      const other = createCache({ client, namespace: "other", ttl: "1m" });
      await Promise.all([cache.set("k", 1), other.set("k", 2)]);
      await cache.clear();
      assert.deepEqual([await cache.get("k"), await other.get("k")], [undefined, 2]);
    });

    await t.test("absent is remembered, and undefined is a value like others", async () => {
      const none = counting(absent);
      const nothing = counting(() => undefined);
      const negative = createCache({ client, namespace: "app", ttl: "1m", negativeTtl: 300 });
      for (let i = 0; i < 3; i += 1) {
        assert.equal(await negative.getOrSet("none", none), undefined);
        assert.equal(await negative.getOrSet("nothing", nothing), undefined);
      }
      assert.deepEqual([none.runs, nothing.runs], [1, 1]);
      assert.deepEqual([negative.stats().negativeHits, negative.stats().hits], [2, 2]);
      await sleep(350);
      await negative.getOrSet("none", none);
      await negative.getOrSet("nothing", nothing);
      assert.deepEqual([none.runs, nothing.runs], [2, 1]);
    });

    await t.test("stale is served at once, and refreshed once", async () => {
      const load = counting((n) => n, 30);
      const options = { ttl: 100, staleWhileRevalidate: "10s" };
      await cache.getOrSet("k", load, options);
      await sleep(110);
      const all = await Promise.all(Array.from({ length: 10 }, () => cache.getOrSet("k", load, options)));
      assert.deepEqual(new Set(all), new Set([1]));
      await until(async () => (await cache.get("k")) === 2);
      assert.equal(load.runs, 2);
    });

    await t.test("when the loader fails the old value is served for graceOnError", async () => {
      const options = { ttl: 50, graceOnError: "10s" };
      await cache.getOrSet("k", () => "old", options);
      await sleep(60);
      const failing = () => Promise.reject(new Error("the origin is away"));
      assert.equal(await cache.getOrSet("k", failing, options), "old");
      assert.equal(cache.stats().graced, 1);
      await cache.delete("k");
      assert.equal((await caught(cache.getOrSet("k", failing, options))).message, "the origin is away");
    });

    await t.test("what a loader throws reaches all callers, and nothing is stored", async () => {
      const error = new Error("no");
      const failing = async () => {
        await sleep(10);
        throw error;
      };
      const all = await Promise.all([1, 2, 3].map(() => caught(cache.getOrSet("k", failing))));
      assert.deepEqual(new Set(all), new Set([error]));
      // The lease is given back: nobody waits for it.
      const start = performance.now();
      assert.equal(await cache.getOrSet("k", () => 1), 1);
      assert.ok(performance.now() - start < 1_000);
    });

    await t.test("skip, ttl 0 and tags of the value", async () => {
      assert.equal(await cache.getOrSet("k", ({ skip }) => skip("once")), "once");
      assert.equal(
        await cache.getOrSet("k", () => "twice", { ttl: (value) => (value === "twice" ? 0 : 1_000) }),
        "twice",
      );
      assert.equal(
        await cache.getOrSet("k", () => "kept", { ttl: (value) => (value === "twice" ? 0 : 60_000) }),
        "kept",
      );
      assert.equal(await cache.getOrSet("k", () => "late"), "kept");
    });

    await t.test("wrap caches a function by its arguments", async () => {
      const runs = [];
      const wrapped = cache.wrap(
        async (a, b) => {
          runs.push([a, b]);
          return a + b;
        },
        { key: "sum", ttl: "1m" },
      );
      assert.deepEqual([await wrapped(1, 2), await wrapped(1, 2), await wrapped(2, 1)], [3, 3, 3]);
      assert.deepEqual(runs, [
        [1, 2],
        [2, 1],
      ]);
      await cache.delete(["sum", 1, 2]);
      await wrapped(1, 2);
      assert.equal(runs.length, 3);
    });

    await t.test("a schema keeps what does not fit from being a hit", async () => {
      const schema = {
        "~standard": {
          version: 1,
          vendor: "test",
          validate: async (value) =>
            typeof value === "number" ? { value: value * 10 } : { issues: [{ message: "no" }] },
        },
      };
      await cache.set("k", "text");
      assert.equal(await cache.getOrSet("k", () => 5, { schema }), 5);
      assert.equal(cache.stats().invalid, 1);
      assert.equal(await cache.getOrSet("k", () => 6, { schema }), 50);
    });

    await t.test("a value that is too large is returned and not stored", async () => {
      const small = createCache({ client, namespace: "app", ttl: "1m", maxValueBytes: 100 });
      const load = counting("x".repeat(200));
      await small.getOrSet("k", load);
      await small.getOrSet("k", load);
      assert.equal(load.runs, 2);
      assert.equal(small.stats().oversized, 2);
      await small.set("k", "short");
      await small.set("k", "x".repeat(200));
      assert.equal(await small.get("k"), undefined);
    });

    await t.test("lifetimes end, a little early and not all at once", async () => {
      await cache.setMany(
        Array.from({ length: 20 }, (_, i) => [["n", i], i]),
        { ttl: "100s" },
      );
      const left = await Promise.all((await client.keys("ec:{*}")).map((key) => client.pttl(key)));
      assert.equal(left.length, 20);
      assert.ok(Math.max(...left) <= 100_000 && Math.min(...left) > 85_000, String(left));
      assert.ok(new Set(left.map((life) => Math.round(life / 100))).size > 5, String(left));
    });
  });
}

test("the scripts are known to a server by the hashes that the source gives", () => {
  const source = readFileSync(new URL("../../js/cache/scripts.ts", import.meta.url), "utf8");
  const scripts = [...source.matchAll(/sha: "(\w+)",\n {2}text: `([^`]*)`/g)];
  assert.ok(scripts.length >= 5);
  for (const [, sha, text] of scripts) assert.equal(createHash("sha1").update(text).digest("hex"), sha, text);
});

test("a server that forgot the scripts is given them again", async () => {
  const client = createClient({ url: server.url, logger: false });
  const cache = createCache({ client, namespace: "forgetful", ttl: "1m" });
  for (let i = 0; i < 3; i += 1) {
    await client.call("SCRIPT", "FLUSH");
    assert.equal(await cache.getOrSet(["k", i], () => i, { tags: ["t"] }), i);
    await client.call("SCRIPT", "FLUSH");
    assert.deepEqual(await cache.deleteByTag("t"), { outcome: "applied" });
    assert.equal(await cache.getOrSet(["k", i], () => "new"), "new");
  }
  assert.deepEqual(cache.stats().fallbacks.error, 0);
  await client.close();
});

test("bad input is a UsageError, and nothing is sent", async () => {
  const client = createClient({ url: server.url, logger: false });
  const cache = createCache({ client, namespace: "bad", ttl: "1m" });
  const cyclic = {};
  cyclic.self = cyclic;
  const mistakes = [
    () => cache.get(""),
    () => cache.get([]),
    () => cache.get(7),
    () => cache.getOrSet([Number.NaN], () => 1),
    () => cache.getOrSet([{}], () => 1),
    () => cache.getOrSet("k"),
    () => cache.getOrSet("k", () => 1, { ttl: -1 }),
    () => cache.getOrSet("k", () => 1, { tags: "t" }),
    () => cache.getOrSet("k", () => 1, { ttll: 1 }),
    () => cache.set("k", () => 1),
    () => cache.setMany({ k: 1 }),
    () => cache.setMany([{ key: "k", value: 1 }]),
    () => cache.setMany(undefined),
    () => cache.set("k", { a: [Symbol("s")] }),
    () => cache.set("k", cyclic),
    () => cache.set("k", new (class Point {})()),
    () => cache.set("k", 1, { tags: [""] }),
    () =>
      cache.setMany([
        ["k", 1],
        ["l", new WeakMap()],
      ]),
    () => cache.delete(""),
    () => cache.deleteByTag(7),
    () => cache.delete("k", { require: "maybe" }),
  ];
  for (const mistake of mistakes) assert.ok((await caught(mistake())) instanceof UsageError, String(mistake));
  assert.equal(client.stats().commands, 0);
  const wrong = [
    {},
    { client },
    { client, namespace: "a b", ttl: 1 },
    { client, namespace: "a" },
    { client, namespace: "a", ttl: 0 },
    { client, namespace: "a", ttl: 1, tll: 2 },
    { client: {}, namespace: "a", ttl: 1 },
  ];
  for (const options of wrong) assert.throws(() => createCache(options), { kind: "ConfigError" });
  await client.close();
});
