// Values in memory: a hit costs nothing, and what another process invalidates is served for `maxStale` at the most.
import assert from "node:assert/strict";
import test from "node:test";
import { createCache } from "edgis/cache";
import { source } from "../js/source.mjs";
import { cacheScene, protocols, sleep, until } from "./scene.mjs";

for (const protocol of protocols) {
  test(`a hit in memory crosses nowhere, and is the caller's own (RESP${protocol})`, async (t) => {
    const { client: makeClient, cache: make } = await cacheScene(t);
    const client = makeClient({ protocol });
    const cache = make({ client, l1: { maxStale: "20s" } });
    const value = { list: [1, { a: new Map([[1, new Date(5)]]) }], text: "x" };
    await cache.set("k", value, { tags: ["t"] });
    // The push for one's own writes may come after the first read, which then is not kept.
    await until(async () => (await cache.get("k")) && cache.stats().l1Hits > 0);
    const { crossings } = client.stats();
    for (let i = 0; i < 10; i += 1) {
      const found = await cache.getOrSet("k", () => assert.fail());
      assert.deepEqual(found, value);
      found.list[1].a.set(1, "changed");
      found.text = "changed";
    }
    assert.equal(client.stats().crossings, crossings);
    assert.ok(cache.stats().l1Entries === 1 && cache.stats().l1Bytes > 0);
    for (const invalidate of [
      () => cache.delete("k"),
      () => cache.deleteByTag("t"),
      () => cache.clear(),
      () => cache.set("k", 0),
    ]) {
      await invalidate();
      assert.ok([undefined, 0].includes(await cache.get("k")));
      await cache.set("k", value, { tags: ["t"] });
      await until(async () => {
        const before = cache.stats().l1Hits;
        await cache.get("k");
        return cache.stats().l1Hits > before;
      });
    }
  });

  test(`what another process invalidates is gone within maxStale (RESP${protocol})`, async (t) => {
    const { cache: make } = await cacheScene(t);
    const maxStale = protocol === 3 ? 60_000 : 300;
    const near = make({ l1: { maxStale } }, { protocol });
    const far = make({}, { name: "far" });
    const ways = [() => far.delete("k"), () => far.deleteByTag("t"), () => far.clear(), () => far.set("k", "new")];
    for (const invalidate of ways) {
      await far.set("k", "old", { tags: ["t"] });
      await until(async () => {
        const before = near.stats().l1Hits;
        return (await near.get("k")) === "old" && near.stats().l1Hits > before;
      });
      assert.deepEqual(await invalidate(), { outcome: "applied" });
      const took = await until(async () => (await near.get("k")) !== "old", 5_000);
      // Where changes are told it does not take until maxStale.
      assert.ok(took < 2_000, `${took} ms`);
    }
  });
}

test("a silent link is believed for maxStale, and no longer", async (t) => {
  const { proxy, cache: make } = await cacheScene(t);
  const near = make({ l1: { maxStale: 500 }, timeout: 50 }, { url: proxy.url });
  const far = make({}, { name: "far" });
  await far.set("k", "old");
  await until(async () => (await near.get("k")) === "old" && near.stats().l1Hits > 3);
  await proxy.hang();
  const start = performance.now();
  assert.deepEqual(await far.delete("k"), { outcome: "applied" });
  const values = [];
  while (performance.now() - start < 1_500) {
    const asked = performance.now() - start;
    const value = await near.getOrSet("k", ({ skip }) => skip("new"));
    if (value === "old") values.push(asked);
    await sleep(5);
  }
  assert.ok(Math.max(0, ...values) <= 500, `served ${Math.max(...values)} ms after it`);
  assert.ok(near.stats().fallbacks.timeout + near.stats().fallbacks.doubted > 0);
});

test("a link that talks keeps what is in memory: the first read after maxStale still costs nothing", async (t) => {
  const { client: makeClient, cache: make } = await cacheScene(t);
  const client = makeClient();
  const cache = make({ client, l1: { maxStale: 300 } });
  await cache.set("k", 1);
  await until(async () => (await cache.get("k")) && cache.stats().l1Hits > 0);
  const { misses, hits, l1Hits } = cache.stats();
  const end = performance.now() + 1_500;
  let asked = 0;
  for (; performance.now() < end; asked += 1) {
    assert.equal(await cache.get("k"), 1);
    await sleep(10);
  }
  const now = cache.stats();
  assert.deepEqual([now.hits - hits, now.misses - misses], [asked, 0]);
  // On a machine that is busy a PING may be late, and a read goes to Redis.
  assert.ok(now.l1Hits - l1Hits > asked / 2, `${now.l1Hits - l1Hits} of ${asked}`);
});

test("a client that was closed and made again starts with an empty memory, behind a fence of its own", async (t) => {
  const { server, client: makeClient, cache: make } = await cacheScene(t);
  for (let i = 0; i < 3; i += 1) {
    const client = makeClient();
    await client.ready();
    const cache = make({ client, l1: { maxStale: "20s" } });
    await cache.set("k", `old ${i}`);
    await client.call("SAVE");
    await until(async () => (await cache.get("k")) === `old ${i}` && cache.stats().l1Hits > 0);
    await cache.delete("k");
    await client.close();
    await server.kill();
    await server.restart();
    assert.equal(await make({ l1: true }).getOrSet("k", () => "new"), "new");
  }
});

test("negative entries, schemas and codecs in memory", async (t) => {
  const { cache: make } = await cacheScene(t);
  class Point {
    constructor(x) {
      this.x = x;
    }
  }
  const codec = { encode: ({ x }) => String(x), decode: (bytes) => new Point(Number(new TextDecoder().decode(bytes))) };
  const cache = make({ l1: { maxStale: "20s" }, codec });
  await cache.set("point", new Point(7));
  for (let i = 0; i < 5; i += 1) {
    const point = await cache.get("point");
    assert.ok(point instanceof Point && point.x === 7);
    point.x = 8;
  }
  assert.equal(cache.stats().l1Hits, 0);
  const plain = make({ l1: { maxStale: "20s" }, namespace: "plain" });
  const schema = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) => (value < 5 ? { value: value + 1 } : { issues: [] }),
    },
  };
  await plain.set("n", 1);
  await until(async () => (await plain.get("n", { schema })) === 2 && plain.stats().l1Hits > 2);
  await plain.set("n", 9);
  for (let i = 0; i < 5; i += 1) assert.equal(await plain.get("n", { schema }), undefined);
});

test("what is in memory is counted as the heap holds it", async () => {
  const { Footprints } = await source("cache/footprint.ts");
  const { setFlagsFromString } = await import("node:v8");
  const { runInNewContext } = await import("node:vm");
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc");
  const heap = () => {
    gc();
    gc();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const many = (count, make) => Array.from({ length: count }, (_, i) => make(i));
  const kinds = {
    // Texts of their own, and no ropes.
    text: (i) => Buffer.from(`${i}`.repeat(300)).toString(),
    wide: (i) => Buffer.from("ж".repeat(900) + i).toString(),
    fields: (i) => Object.fromEntries(many(10, (j) => [`field${j}`, `value ${i} ${j}`])),
    arrays: () => many(100, () => []),
    objects: () => many(100, () => ({})),
    doubles: () => many(100, (i) => i + 0.5),
    own: (i) => many(50, (j) => ({ [`k${i}_${j}`]: 1 })),
    bytes: () => new Uint8Array(1_000),
    map: () => new Map(many(100, (i) => [i, i])),
    set: () => new Set(many(100, (i) => i)),
    dates: () => many(100, (i) => new Date(i)),
  };
  // A function each, which lets go of what it made.
  const ratioOf = (make) => {
    const footprints = new Footprints();
    const before = heap();
    const kept = many(2_000, (i) => structuredClone(make(i)));
    const held = heap() - before;
    return held / kept.reduce((sum, value) => sum + footprints.of(value), 0);
  };
  for (const [kind, make] of Object.entries(kinds)) {
    const ratio = ratioOf(make);
    assert.ok(ratio > 0.5 && ratio < 1.6, `${kind}: ${ratio.toFixed(2)} times of what is counted`);
  }
});

test("changes are told those whose they are, however many namespaces there are", async (t) => {
  const { client: makeClient } = await cacheScene(t);
  const [client, other] = [makeClient(), makeClient({ name: "other" })];
  const caches = Array.from({ length: 50 }, (_, i) =>
    createCache({ client, namespace: `ns${i}`, ttl: "1m", l1: { maxStale: "1m" } }),
  );
  for (const cache of caches) {
    await cache.set("k", 1);
    await cache.get("k");
  }
  for (const cache of caches) assert.equal(await cache.get("k"), 1);
  const hits = () => caches.map((cache) => cache.stats().l1Hits);
  assert.deepEqual(new Set(hits()), new Set([1]));
  await createCache({ client: other, namespace: "ns7", ttl: "1m" }).delete("k");
  await until(() => caches[7].stats().l1Entries === 0);
  for (const [i, cache] of caches.entries()) if (i !== 7) assert.equal(cache.stats().l1Entries, 1);
});

test("the server tells a process of its own namespaces only", async (t) => {
  const { client: makeClient } = await cacheScene(t);
  const [client, other] = [makeClient(), makeClient({ name: "other" })];
  const [one, two] = ["one", "two"].map((namespace) =>
    createCache({ client, namespace, ttl: "1m", l1: { maxStale: "20s" } }),
  );
  const changes = [];
  const watcher = { linked() {}, moved() {}, invalidated: (keys) => changes.push(...keys) };
  await one.get("k");
  await two.get("k");
  client.target.watchers.add(new WeakRef(watcher));
  for (const namespace of ["one", "two", "three", "on"]) {
    await createCache({ client: other, namespace, ttl: "1m" }).set("k", 1, { tags: ["t"] });
  }
  await until(() => changes.includes("ec:{two|k}"));
  assert.deepEqual([...new Set(changes.map((key) => key.slice(0, key.indexOf("|"))))].sort(), ["ec:{one", "ec:{two"]);
  await client.ping();
  assert.ok(watcher);
});
