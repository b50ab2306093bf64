// Who may have what a load of this process brings when Redis cannot say what was invalidated meanwhile.
import assert from "node:assert/strict";
import test from "node:test";
import { runInNewContext } from "node:vm";
import { faultProxy } from "edgis/testing";
import { cacheScene, caught, sleep, until } from "./scene.mjs";

/** A database, and a loader that reads it and takes its time. */
function database(takes) {
  const base = { content: "old", loads: 0 };
  base.load = async () => {
    const { content } = base;
    base.loads += 1;
    await sleep(takes);
    return content;
  };
  return base;
}

for (const [title, first, later] of [
  ["of the call that loads", ["t"], ["t"]],
  ["of the value", () => ["t"], ["t"]],
  ["that only the later call names", [], ["t"]],
  ["that only the later call's value has", [], () => ["t"]],
]) {
  test(`without Redis no load from before deleteByTag is shared after it: a tag ${title}`, async (t) => {
    const { cache: make } = await cacheScene(t);
    const cache = make({}, { url: "redis://127.0.0.1:1" });
    await cache.getOrSet("warm", () => 1);
    const base = database(100);
    const before = cache.getOrSet("k", base.load, { tags: first });
    await sleep(10);
    base.content = "new";
    assert.deepEqual(await cache.deleteByTag("other"), { outcome: "journaled" });
    assert.deepEqual(await cache.deleteByTag("t"), { outcome: "journaled" });
    assert.equal(await cache.getOrSet("k", base.load, { tags: later }), "new");
    assert.equal(await before, "old");
  });
}

test("a tag of a call that joined counts as the load's own", async (t) => {
  const { cache: make } = await cacheScene(t);
  const cache = make({}, { url: "redis://127.0.0.1:1" });
  await cache.getOrSet("warm", () => 1);
  const base = database(100);
  const before = [cache.getOrSet("k", base.load), cache.getOrSet("k", base.load, { tags: ["t"] })];
  await sleep(10);
  base.content = "new";
  await cache.deleteByTag("t");
  assert.equal(await cache.getOrSet("k", base.load), "new");
  assert.deepEqual(await Promise.all(before), ["old", "old"]);
  assert.equal(base.loads, 2);
});

test("what has been loaded is not shared while it cannot be stored, and who comes then shares one load", async (t) => {
  const { proxy, cache: make } = await cacheScene(t);
  const loading = make({}, { url: proxy.url });
  const other = make({}, { name: "other" });
  await loading.getOrSet("warm", () => 1);
  await other.get("warm");
  const base = database(50);
  const first = loading.getOrSet("k", base.load);
  await until(() => base.loads === 1);
  await proxy.hang();
  assert.equal(await first, "old");
  base.content = "new";
  assert.deepEqual(await other.delete("k"), { outcome: "applied" });
  const now = await Promise.all(Array.from({ length: 20 }, () => loading.getOrSet("k", base.load)));
  assert.deepEqual(new Set(now), new Set(["new"]));
  assert.equal(base.loads, 2);
  await proxy.heal();
  await sleep(100);
  assert.notEqual(await loading.get("k"), "old");
  assert.notEqual(await other.get("k"), "old");
});

for (const [title, invalidate] of [
  ["deleted", (cache) => cache.delete("k")],
  ["given up by its tag", (cache) => cache.deleteByTag("t")],
  ["cleared", (cache) => cache.clear()],
]) {
  for (const who of ["this process", "another one"]) {
    test(`a value that was ${title} by ${who} while the loader ran is not its stand-in when that fails`, async (t) => {
      const { cache: make } = await cacheScene(t);
      const cache = make({ ttl: 20, graceOnError: "1m" });
      const other = who === "another one" ? make({}, { name: "other" }) : cache;
      await cache.set("k", "old", { tags: ["t"] });
      await sleep(30);
      const error = await caught(
        cache.getOrSet("k", async () => {
          assert.deepEqual(await invalidate(other), { outcome: "applied" });
          throw new Error("mine");
        }),
      );
      assert.equal(error.message, "mine");
      assert.equal(cache.stats().graced, 0);
    });
  }
}

test("a stand-in when Redis is away as well, unless this process has given anything up since", async (t) => {
  const { server, cache: make } = await cacheScene(t);
  const cache = make({ ttl: 20, graceOnError: "1m" });
  await cache.set("k", "old");
  await cache.set("l", "old");
  await sleep(30);
  const load = async () => {
    await server.kill();
    throw new Error("mine");
  };
  let invalidated;
  const other = cache.getOrSet("k", load);
  const given = cache.getOrSet("l", async () => {
    await until(async () => (await cache.get("k")) === undefined && cache.stats().fallbacks.disabled > 0);
    // What is given up now must not be what the other call finds out about.
    await other;
    invalidated = await cache.delete("l");
    throw new Error("mine");
  });
  given.catch(() => {});
  assert.equal(await other, "old");
  assert.equal((await caught(given)).message, "mine");
  assert.deepEqual(invalidated, { outcome: "journaled" });
});

test("a loop that never waits hears that Redis is back", async (t) => {
  const { proxy, cache: make } = await cacheScene(t);
  const cache = make({}, { url: proxy.url });
  await cache.getOrSet("warm", () => 1);
  await proxy.hang();
  await cache.getOrSet("k", () => 1);
  await proxy.heal();
  let isTimerRun = false;
  setTimeout(() => {
    isTimerRun = true;
  }, 50);
  const { fills } = cache.stats();
  const start = performance.now();
  for (let i = 0; cache.stats().fills === fills || !isTimerRun; i += 1) {
    await cache.getOrSet(["loop", i], () => i);
    await cache.get("k");
    if (i % 100 === 0) await cache.delete("k");
    assert.ok(performance.now() - start < 20_000, `after ${i} calls`);
  }
});

test("a promise where none is taken is a mistake, and its rejection ends no process", async (t) => {
  const { cache: make } = await cacheScene(t);
  const cache = make();
  const unheard = [];
  const listener = (error) => unheard.push(error);
  process.on("unhandledRejection", listener);
  t.after(() => process.off("unhandledRejection", listener));
  const away = async () => {
    throw new Error("away");
  };
  for (const options of [{ ttl: away }, { tags: away }]) {
    assert.equal((await caught(cache.set("k", 1, options))).kind, "UsageError");
    const { unserialisable } = cache.stats();
    assert.equal(await cache.getOrSet("k", () => 2, options), 2);
    await until(() => cache.stats().unserialisable === unserialisable + 1);
  }
  const coded = make({ codec: { encode: away, decode: () => 0 } });
  assert.equal((await caught(coded.set("k", 1))).kind, "UsageError");
  await sleep(20);
  assert.deepEqual(unheard, []);
});

test("what comes back as something else is refused by set, and not stored by getOrSet", async (t) => {
  const { cache: make } = await cacheScene(t);
  const cache = make();
  class OwnMap extends Map {}
  class OwnDate extends Date {}
  class OwnList extends Array {}
  const holes = [1, 2, 3];
  delete holes[1];
  const values = [Buffer.from("hi"), { nested: Buffer.from("hi") }, new OwnMap(), new OwnDate(5), OwnList.of(1), holes];
  for (const value of values) {
    assert.equal((await caught(cache.set("k", value))).kind, "UsageError");
    const { unserialisable } = cache.stats();
    assert.equal(await cache.getOrSet("k", () => value), value);
    await until(() => cache.stats().unserialisable === unserialisable + 1);
    assert.equal(await cache.get("k"), undefined);
  }
  const foreign = runInNewContext("({ map: new Map([[1, new Date(5)]]), list: [new Uint8Array([1])] })");
  await cache.set("k", foreign);
  assert.deepEqual(await cache.get("k"), { map: new Map([[1, new Date(5)]]), list: [Uint8Array.of(1)] });
});

test("an address that leads to another server and back: what was given up there does not come back", async (t) => {
  const [here, there] = [await cacheScene(t), await cacheScene(t)];
  let proxy = await faultProxy(here.server.url);
  t.after(() => proxy.close());
  const { port } = proxy;
  const to = async ({ server }) => {
    await proxy.close();
    proxy = await faultProxy(server.url, { port });
  };
  const cache = here.cache({}, { url: `redis://127.0.0.1:${port}` });
  await cache.set("k", "old");
  await cache.set("l", "old", { tags: ["t"] });
  await to(there);
  await until(async () => (await cache.set("probe", 1)).outcome === "applied");
  assert.deepEqual([await cache.delete("k"), await cache.deleteByTag("t")], Array(2).fill({ outcome: "applied" }));
  await to(here);
  await until(async () => {
    for (const key of ["k", "l"]) assert.equal(await cache.get(key), undefined);
    return (await cache.set("probe", 2)).outcome === "applied";
  });
  for (const key of ["k", "l"]) assert.equal(await cache.get(key), undefined);
});
