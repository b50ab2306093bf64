// Who may have what a load of this process brings when Redis cannot say what was invalidated meanwhile.
import assert from "node:assert/strict";
import test from "node:test";
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
  const given = cache.getOrSet("l", async () => {
    await until(async () => (await cache.get("k")) === undefined && cache.stats().fallbacks.disabled > 0);
    invalidated = await cache.delete("l");
    throw new Error("mine");
  });
  given.catch(() => {});
  assert.equal(await cache.getOrSet("k", load), "old");
  assert.equal((await caught(given)).message, "mine");
  assert.deepEqual(invalidated, { outcome: "journaled" });
});
