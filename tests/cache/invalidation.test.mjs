// What invalidations come to, and what is stored beside them.
import assert from "node:assert/strict";
import test from "node:test";
import { absent } from "edgis/cache";
import { cacheScene, caught, protocols, sleep, until } from "./scene.mjs";

/** A promise that is settled from outside. */
function gate() {
  let open;
  const opened = new Promise((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

for (const protocol of protocols) {
  const ways = {
    delete: (cache) => cache.delete("k"),
    deleteByTag: (cache) => cache.deleteByTag("t"),
    clear: (cache) => cache.clear(),
    set: (cache) => cache.set("k", "set", { tags: ["t"] }),
  };
  for (const [name, invalidate] of Object.entries(ways)) {
    for (const tags of [["t"], () => ["t"]]) {
      const title = `${name}, tags ${typeof tags === "function" ? "of the value" : "known before"} (RESP${protocol})`;
      test(`a value loaded before an invalidation is never served after it: ${title}`, async (t) => {
        const { cache: make } = await cacheScene(t);
        // The one that loads, the one that invalidates, and one that looks on: as three processes.
        const [loading, deleting, reading] = ["a", "b", "c"].map((client) => make({}, { protocol, name: client }));
        await reading.getOrSet("warm", () => 1, { tags });
        for (const cache of [loading, deleting]) {
          const [{ open, opened }, begun] = [gate(), gate()];
          const load = () => {
            begun.open();
            return opened;
          };
          const old = loading.getOrSet("k", load, { tags });
          await begun.opened;
          assert.deepEqual(await invalidate(cache), { outcome: "applied" });
          // Who comes now must not get what was begun before, neither beside it nor after it.
          const now = loading.getOrSet("k", () => "new", { tags });
          // Also who has found that it is being loaded.
          await sleep(20);
          open("old");
          assert.equal(await old, "old");
          assert.notEqual(await now, "old");
          await sleep(20);
          for (const one of [loading, deleting, reading]) assert.notEqual(await one.get("k"), "old");
          assert.notEqual(await reading.getOrSet("k", () => "newer", { tags }), "old");
          await deleting.clear();
        }
      });
    }
  }
}

test("a load that is shared for want of Redis is not shared any more after an invalidation by this process", async (t) => {
  const { cache: make } = await cacheScene(t);
  const cache = make({}, { url: "redis://127.0.0.1:1" });
  await cache.getOrSet("warm", () => 1);
  for (const invalidate of [() => cache.delete("k"), () => cache.deleteByTag("t"), () => cache.clear()]) {
    const { open, opened } = gate();
    const old = cache.getOrSet("k", () => opened, { tags: ["t"] });
    const shared = cache.getOrSet("k", () => "not shared", { tags: ["t"] });
    assert.notEqual((await invalidate()).outcome, "applied");
    assert.equal(await cache.getOrSet("k", () => "new", { tags: ["t"] }), "new");
    open("old");
    assert.deepEqual(await Promise.all([old, shared]), ["old", "old"]);
  }
});

test("a stale value is not served after an invalidation either, nor for want of the loader", async (t) => {
  const { cache: make } = await cacheScene(t);
  const cache = make({ ttl: 20, staleWhileRevalidate: "1m", graceOnError: "1m" });
  await cache.set("k", "old");
  await sleep(30);
  assert.equal(await cache.get("k"), "old");
  await cache.delete("k");
  assert.equal((await caught(cache.getOrSet("k", () => Promise.reject(new Error("away"))))).message, "away");
});

test("journaled while Redis is away; nothing of the namespace is read before it was made up for", async (t) => {
  const { server, client, cache: make } = await cacheScene(t, ["--save", "3600 1000000"]);
  const kept = [];
  const cache = make({ onJournal: (entry) => kept.push(entry), maxJournal: 3 });
  await cache.setMany([
    ["k", 1],
    [["p", 1], 2],
    ["untouched", 3],
  ]);
  await cache.set("tagged", 4, { tags: ["t"] });
  await client().call("SAVE");
  await server.kill();
  await until(async () => (await cache.get("k")) === undefined && cache.stats().fallbacks.disabled > 0);
  assert.deepEqual(await cache.delete("k"), { outcome: "journaled" });
  assert.deepEqual(await cache.delete(["p", 1]), { outcome: "journaled" });
  assert.deepEqual(await cache.deleteByTag("t"), { outcome: "journaled" });
  assert.deepEqual(await cache.set("untouched", 5), { outcome: "dropped" });
  const error = await caught(cache.delete("k", { require: "applied" }));
  assert.equal(error.kind, "DisabledError");
  assert.deepEqual(kept.slice(0, 4), [
    { namespace: "app", kind: "key", outcome: "journaled", key: "k" },
    { namespace: "app", kind: "key", outcome: "journaled", key: ["p", 1] },
    { namespace: "app", kind: "tag", outcome: "journaled", tag: "t" },
    { namespace: "app", kind: "key", outcome: "dropped", key: "untouched" },
  ]);
  assert.deepEqual(cache.stats().invalidations, { applied: 2, journaled: 3, unknown: 0, dropped: 2 });
  await server.restart();
  await until(() => cache.stats().journal === 0);
  assert.deepEqual(await cache.getMany(["k", ["p", 1], "untouched", "tagged"]), Array(4).fill(undefined));
});

test("unknown when the reply is lost, and made up for", async (t) => {
  const { proxy, server, cache: make } = await cacheScene(t);
  const cache = make({}, { url: proxy.url });
  const other = make({}, { name: "other" });
  await cache.set("k", "old");
  assert.equal(await cache.get("k"), "old");
  // The server gets the command; its reply does not come back.
  server.pause();
  const deleted = cache.delete("k");
  await sleep(50);
  await proxy.reset();
  assert.deepEqual(await deleted, { outcome: "unknown" });
  assert.equal(cache.stats().journal, 1);
  server.resume();
  await proxy.heal();
  await until(() => cache.stats().journal === 0);
  assert.deepEqual([await cache.get("k"), await other.get("k")], [undefined, undefined]);
});

test("unknown when no reply comes in time, and made up for without anybody asking", async (t) => {
  const { server, cache: make } = await cacheScene(t);
  const cache = make();
  const other = make({}, { name: "other" });
  await cache.set("k", "old", { tags: ["t"] });
  assert.equal(await other.get("k"), "old");
  server.pause();
  const start = performance.now();
  assert.deepEqual(await cache.deleteByTag("t"), { outcome: "unknown" });
  // Redis has been doubted since: this one does not wait.
  assert.deepEqual(await cache.delete("k"), { outcome: "journaled" });
  assert.ok(performance.now() - start < 2_000);
  server.resume();
  await until(() => cache.stats().journal === 0);
  assert.equal(await other.get("k"), undefined);
});

test("two caches of a namespace in a process share the journal", async (t) => {
  const { server, client, cache: make } = await cacheScene(t, ["--save", "3600 1000000"]);
  const [one, two] = [make({ trustAfterRestart: true }), make({ trustAfterRestart: true })];
  await one.set("k", "old");
  assert.equal(await two.get("k"), "old");
  await client().call("SAVE");
  await server.kill();
  await until(async () => (await one.get("k")) === undefined && one.stats().fallbacks.disabled > 0);
  assert.equal((await one.delete("k")).outcome, "journaled");
  await server.restart();
  await until(async () => {
    const found = await two.get("k");
    assert.notEqual(found, "old");
    return two.stats().journal === 0;
  });
});

test("markers that are evicted cost misses, and nothing else", async (t) => {
  const { client, cache: make } = await cacheScene(t);
  const cache = make();
  const admin = client();
  for (const marker of ["ec:{app|}n", "ec:{app|t}t", "ec:{app|}r", "ec:{app|}s"]) {
    await cache.set("k", "old", { tags: ["t"] });
    assert.equal(await cache.get("k"), "old");
    await admin.del(marker);
    const found = await cache.getOrSet("k", () => "new", { tags: (value) => ["t", value] });
    assert.ok(found === "new" || ["ec:{app|}r", "ec:{app|}s"].includes(marker), `${marker}: ${found}`);
    await cache.deleteByTag("t");
    assert.equal(await cache.get("k"), undefined);
  }
  // While it is loaded, too.
  for (const marker of ["ec:{app|}n", "ec:{app|t}t", "ec:{app|}s", "el:{app|k}"]) {
    await cache.delete("k");
    const load = async () => {
      await admin.del(marker);
      await cache.deleteByTag("t");
      return "old";
    };
    await cache.getOrSet("k", load, { tags: (value) => ["t", value] });
    await sleep(20);
    assert.equal(await cache.get("k"), undefined, marker);
  }
});

test("tags that are asked for by a second question are not judged by the first one's generation", async (t) => {
  const { proxy, client, cache: make } = await cacheScene(t);
  const [writer, reader] = [make(), make({ timeout: "5s" }, { url: proxy.url })];
  const admin = client();
  await writer.set("k", "old", { tags: ["t"] });
  const [tag, namespace] = ["ec:{app|t}t", "ec:{app|}n"];
  const before = await admin.get(tag);
  assert.equal((await writer.deleteByTag("t")).outcome, "applied");
  await reader.get("other");
  await proxy.slow(200);
  const reads = async () => Number(/cmdstat_mget:calls=(\d+)/.exec(await admin.info("commandstats"))?.[1]);
  const count = await reads();
  const reading = reader.get("k");
  await until(async () => (await reads()) > count);
  // As a restart with an older snapshot has it: the tag is what it was, and the fence has raised the namespace.
  await admin.call("MSET", tag, before, namespace, `${Number(await admin.get(namespace)) + 1}`);
  assert.equal(await reading, undefined);
  assert.equal(await reads(), count + 2);
});

test("a load that began when a marker was gone is not shared because it is gone again", async (t) => {
  const { client, cache: make } = await cacheScene(t);
  const [loading, deleting] = [make(), make({}, { name: "other" })];
  const admin = client();
  const ways = {
    "ec:{app|}n": () => deleting.clear(),
    "ec:{app|t}t": () => deleting.deleteByTag("t"),
  };
  for (const [marker, invalidate] of Object.entries(ways)) {
    await loading.set("warm", 1, { tags: ["t"] });
    const waits = loading.stats().leaseWaits;
    // Another process loads, and gives up; the marker is evicted at the same time.
    await admin.set("el:{app|k}", "another's");
    const { open, opened } = gate();
    const begun = gate();
    const old = loading.getOrSet(
      "k",
      () => {
        begun.open();
        return opened;
      },
      { tags: ["t"] },
    );
    await until(() => loading.stats().leaseWaits > waits);
    await admin.call("DEL", "el:{app|k}", marker);
    await begun.opened;
    assert.deepEqual(await invalidate(), { outcome: "applied" });
    await admin.del(marker);
    const now = loading.getOrSet("k", () => "new", { tags: ["t"] });
    await sleep(50);
    open("old");
    assert.deepEqual([marker, await old, await now], [marker, "old", "new"]);
    await deleting.delete("k");
  }
});

for (const [how, store] of Object.entries({
  loaded: (cache, tags) => cache.getOrSet("k", () => absent, { tags }),
  set: (cache, tags) => cache.set("k", absent, { tags }),
})) {
  test(`nothing that was ${how} under tags of the value is given up with any of them`, async (t) => {
    const { cache: make } = await cacheScene(t);
    const [one, other] = [make({}, { protocol: 2 }), make({ l1: true }, { name: "other" })];
    const tags = ({ id }) => [`product:${id}`];
    for (const deleting of [one, other]) {
      await store(one, tags);
      for (const cache of [one, other, other]) {
        const hits = cache.stats().negativeHits;
        await until(async () => (await cache.get("k")) === undefined && cache.stats().negativeHits > hits);
      }
      assert.equal((await deleting.deleteByTag("product:7")).outcome, "applied");
      const load = () => ({ id: 7 });
      for (const cache of [one, deleting]) assert.deepEqual(await cache.getOrSet("k", load, { tags }), { id: 7 });
      await until(async () => (await other.get("k"))?.id === 7);
      await one.delete("k");
    }
    // Nor is it stored when a tag was invalidated while it was loaded.
    const load = async () => {
      await other.deleteByTag("product:7");
      return absent;
    };
    await one.getOrSet("k", load, { tags });
    await sleep(20);
    const { misses } = one.stats();
    await one.get("k");
    assert.equal(one.stats().misses, misses + 1);
  });
}

test("of several sets at once the last one is there", async (t) => {
  const { client, cache: make } = await cacheScene(t);
  const [one, other] = [make(), make({}, { name: "other" })];
  for (let i = 0; i < 100; i += 1) {
    const [before] = await Promise.all([one.set("k", i), one.set("k", -i)]);
    assert.equal(before.outcome, "applied");
    assert.equal(await one.get("k"), -i);
    const outcomes = await Promise.all([
      one.set("k", "one"),
      sleep(2 * Math.random()).then(() => other.set("k", "other")),
    ]);
    for (const { outcome } of outcomes) assert.equal(outcome, "applied");
    assert.ok(["one", "other"].includes(await one.get("k")));
  }
  await one.setMany([
    ["twice", 1],
    ["twice", 2],
  ]);
  assert.equal(await other.get("twice"), 2);
  // One whose lease has gone gives up what was there before it, and leaves alone what came after.
  const admin = client();
  const forget = async (act) => {
    const setting = one.set("k", "late");
    await until(() => admin.get("el:{app|k}"));
    await act?.();
    await admin.del("el:{app|k}");
    await setting;
  };
  await one.set("k", "before");
  await forget();
  assert.ok([undefined, "late"].includes(await one.get("k")));
  await forget(() => other.set("k", "after"));
  assert.ok(["after", "late"].includes(await one.get("k")));
});

test("what the server refuses blocks what it concerns, and is not asked for at every read", async (t) => {
  const { server, client, cache: make } = await cacheScene(t, ["--user", "app", "on", "nopass", "~*", "&*", "+@all"]);
  const url = server.url.replace("//", "//app:x@");
  const cache = make({}, { url });
  const admin = client();
  const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
  for (const key of keys) await cache.set(key, key, { tags: [`of:${key}`] });
  await cache.set("tagged", 1, { tags: ["t"] });
  await admin.call("ACL", "SETUSER", "app", "-del");
  assert.equal((await cache.deleteByTag("t")).outcome, "journaled");
  for (let i = 0; i < 700; i += 1) await cache.delete(`gone:${i}`);
  const count = async () => Number(/total_commands_processed:(\d+)/.exec(await admin.info("stats"))[1]);
  const before = await count();
  for (let i = 0; i < 10; i += 1) assert.deepEqual(await cache.getMany(keys), keys);
  // It is asked for again now and then, each time after a longer pause.
  assert.ok((await count()) - before < 3_000, `${(await count()) - before} commands`);
  assert.equal(await cache.get("tagged"), undefined);
  assert.equal(cache.stats().fallbacks.journal, 1);
  await admin.call("ACL", "SETUSER", "app", "+@all");
  await until(() => cache.stats().journal === 0);
  assert.equal(await cache.get("tagged"), undefined);
  assert.equal(cache.stats().fallbacks.journal, 1);
});
