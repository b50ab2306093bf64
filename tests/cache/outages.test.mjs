// Redis that goes away, comes back with old data, or does not answer: what is served then, and what invalidations come to.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import test from "node:test";
import { createClient } from "edgis";
import { freePort } from "edgis/testing";
import { best, cacheScene, caught, protocols, sleep, until } from "./scene.mjs";

for (const protocol of protocols) {
  test(`the incident: invalidated while Redis is down, which comes back with the old data (RESP${protocol})`, async (t) => {
    const { server, cache: make } = await cacheScene(t, ["--save", "3600 1000000"]);
    let database = "old";
    const cache = make({}, { protocol });
    const load = () => database;
    assert.equal(await cache.getOrSet("k", load), "old");
    await until(() => cache.stats().fills === 1);
    // A clean restart writes a snapshot: the same data is there again.
    const other = createClient({ url: server.url, logger: false });
    await other.call("SAVE");
    await other.close();
    await server.kill();
    database = "new";
    await until(async () => (await cache.delete("k")).outcome === "journaled");
    assert.equal(await cache.getOrSet("k", load), "new");
    await server.restart();
    // It makes up for it by itself: no read need come.
    await until(() => cache.stats().journal === 0);
    const fresh = make({}, { protocol });
    assert.equal(await fresh.getOrSet("k", () => "loaded anew"), "loaded anew");
    await until(() => cache.get("k"));
    assert.equal(await cache.getOrSet("k", load), "loaded anew");
  });

  test(`an acknowledged invalidation holds though an older snapshot comes back (RESP${protocol})`, async (t) => {
    const { server, cache: make } = await cacheScene(t);
    const [cache, other] = [make({}, { protocol }), make({}, { protocol, name: "other" })];
    await cache.set("k", "old", { tags: ["t"] });
    await cache.set("l", "old", { tags: ["t"] });
    assert.equal(await other.get("l"), "old");
    const admin = createClient({ url: server.url, logger: false });
    await admin.call("SAVE");
    await admin.close();
    assert.deepEqual(await cache.delete("k"), { outcome: "applied" });
    assert.deepEqual(await other.deleteByTag("t"), { outcome: "applied" });
    await server.kill();
    await server.restart();
    for (const one of [cache, other]) {
      const found = await Promise.all(["k", "l"].map((key) => one.getOrSet(key, () => "new")));
      assert.deepEqual(found, ["new", "new"]);
    }
    assert.ok(cache.stats().fenced >= 1);
  });
}

test("a read that is sent again on the next link does not overtake the fence there", async (t) => {
  const { server, proxy, client, cache: make } = await cacheScene(t);
  const cache = make({}, { url: proxy.url });
  const admin = client();
  for (let i = 0; i < 5; i += 1) {
    await cache.set("k", "old");
    assert.equal(await cache.get("k"), "old");
    await admin.call("SAVE");
    assert.deepEqual(await cache.delete("k"), { outcome: "applied" });
    await proxy.hang();
    const reading = cache.getOrSet("k", () => "new", { timeout: "10s" });
    await server.kill();
    await server.restart();
    await proxy.heal();
    await proxy.reset();
    assert.equal(await reading, "new");
    await proxy.heal();
    await until(async () => (await caught(admin.ping())) === "PONG" && (await cache.delete("k")).outcome === "applied");
  }
});

test("trustAfterRestart believes what comes back", async (t) => {
  const { server, cache: make } = await cacheScene(t);
  const cache = make({ trustAfterRestart: true });
  await cache.set("k", "kept");
  const admin = createClient({ url: server.url, logger: false });
  await admin.call("SAVE");
  await admin.close();
  await server.kill();
  await server.restart();
  await until(async () => (await cache.get("k")) === "kept");
});

test("a server that does not say who it is: entries are given up after an outage that was seen, and not else", async (t) => {
  const acl = ["--user", "shy", "on", "nopass", "~*", "+@all", "-info"];
  const { server, cache: make } = await cacheScene(t, acl);
  const url = server.url.replace("//", "//shy:x@");
  const cache = make({}, { url });
  await cache.set("k", 1);
  assert.equal(await cache.get("k"), 1);
  assert.equal(await make({}, { url, name: "other" }).get("k"), 1);
  const admin = createClient({ url: server.url, logger: false });
  await admin.call("CLIENT", "KILL", "USER", "shy");
  await admin.close();
  await until(async () => cache.stats().fenced === 1 || (await cache.get("k")) === "never");
  assert.equal(await cache.get("k"), undefined);
  await cache.set("k", 2);
  assert.equal(await cache.get("k"), 2);
});

test("where scripts are denied the app runs uncached, and is told why", async (t) => {
  const { server, cache: make } = await cacheScene(t, ["--user", "shy", "on", "nopass", "~*", "+@all", "-@scripting"]);
  const cache = make({}, { url: server.url.replace("//", "//shy:x@") });
  for (let i = 0; i < 3; i += 1) assert.equal(await cache.getOrSet("k", () => i), i);
  assert.equal(cache.stats().fallbacks.fence, 3);
});

// ── The budget ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** Milliseconds that a call takes. */
async function took(act) {
  const start = performance.now();
  await act();
  return performance.now() - start;
}

test("a target that is disabled costs nothing", async (t) => {
  const { cache: make } = await cacheScene(t);
  const cache = make({}, { url: `redis://127.0.0.1:${await freePort()}` });
  await cache.getOrSet("k", () => 1);
  const took100 = await best(10, () =>
    took(async () => {
      for (let i = 0; i < 100; i += 1) assert.equal(await cache.getOrSet("k", () => i), i);
    }),
  );
  assert.ok(took100 < 100, `${took100} ms for 100 calls`);
  assert.ok(cache.stats().fallbacks.disabled >= 1_000);
});

test("a server that accepts and never answers: one budget, and none after it", async (t) => {
  const silent = createServer(() => {});
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  t.after(() => silent.close());
  const { cache: make } = await cacheScene(t);
  const cache = make({}, { url: `redis://127.0.0.1:${silent.address().port}` });
  const first = await took(() => cache.getOrSet("k", () => 1));
  assert.ok(first > 900 && first < 2_000, `${first} ms for the first, during the first dial`);
  const rest = await took(async () => {
    for (let i = 0; i < 10; i += 1) assert.equal(await cache.getOrSet(["k", i], () => i), i);
  });
  assert.ok(rest < 500, `${rest} ms for ten calls after it`);
});

test("a server that stalls under a ready link: one budget for ten calls, and hits again once it answers", async (t) => {
  const { server, cache: make } = await cacheScene(t);
  const cache = make({ trustAfterRestart: true });
  await cache.set("k", "cached");
  assert.equal(await cache.get("k"), "cached");
  server.pause();
  const all = await took(async () => {
    for (let i = 0; i < 10; i += 1) assert.equal(await cache.getOrSet("k", () => i), i);
  });
  assert.ok(all > 200 && all < 1_000, `${all} ms for ten calls, one after the other`);
  const reasons = cache.stats().fallbacks;
  assert.deepEqual([reasons.timeout, reasons.doubted], [1, 9]);
  server.resume();
  await until(async () => (await cache.getOrSet("k", ({ skip }) => skip("loaded"))) === "cached");
});

test("a black hole in mid-flight: loader + 250 ms, at every step", async (t) => {
  const { proxy, cache: make } = await cacheScene(t);
  for (const step of ["read", "lease", "fill"]) {
    await proxy.heal();
    const cache = make({ namespace: step }, { url: proxy.url, id: step });
    await cache.set("other", 1);
    assert.equal(await cache.get("other"), 1);
    if (step === "read") await proxy.hang();
    const call = took(() =>
      cache.getOrSet("k", async () => {
        if (step === "fill") await proxy.hang();
        await sleep(100);
        return "loaded";
      }),
    );
    if (step === "lease") await Promise.resolve().then(() => proxy.hang());
    const time = await call;
    assert.ok(time < 100 + 250 + 250, `${step}: ${time} ms`);
  }
});

test("a cold start waits for the first dial instead of sending every request to the origin", async (t) => {
  const { proxy, cache: make } = await cacheScene(t);
  await make({}, { url: proxy.url }).set("k", "cached");
  await proxy.slow(300);
  const cold = make({}, { url: proxy.url, share: false });
  const values = await Promise.all(Array.from({ length: 20 }, () => cold.getOrSet("k", () => "loaded")));
  assert.deepEqual(new Set(values), new Set(["cached"]));
});

test("only the loader's own errors reach the caller, and the fallback event says the rest", async (t) => {
  const { cache: make } = await cacheScene(t);
  const cache = make({}, { url: "redis://127.0.0.1:1" });
  const seen = [];
  // What listeners throw, now or later, is nobody else's affair.
  cache.on("fallback", async () => {
    throw new Error("from a listener");
  });
  cache.on("fallback", (fallback) => {
    seen.push(fallback);
    throw new Error("a listener's own mistake");
  });
  assert.equal((await caught(cache.getOrSet("k", () => Promise.reject(new Error("mine"))))).message, "mine");
  assert.equal(await cache.getOrSet("k", () => 1), 1);
  assert.deepEqual([seen.length >= 2, new Set(seen.map(({ operation }) => operation))], [true, new Set(["read"])]);
  for (const { reason } of seen) assert.ok(reason === "disabled" || reason === "lost", reason);
});

test("without Redis calls share a load, and so many loads run at once", async (t) => {
  const { cache: make } = await cacheScene(t);
  const cache = make({ maxConcurrentLoads: 5 }, { url: "redis://127.0.0.1:1" });
  await cache.getOrSet("warm", () => 1);
  let running = 0;
  let most = 0;
  const load = async () => {
    running += 1;
    most = Math.max(most, running);
    await sleep(10);
    running -= 1;
    return 1;
  };
  await Promise.all(Array.from({ length: 200 }, (_, i) => cache.getOrSet(["k", i % 40], load)));
  assert.equal(most, 5);
  assert.equal(cache.stats().loads, 41);
});

test("a loader that hangs does not capture its key for ever", async (t) => {
  const { cache: make } = await cacheScene(t);
  const cache = make({ loadTimeout: 200 });
  let aborted;
  const hanging = ({ signal }) => new Promise(() => signal.addEventListener("abort", () => (aborted = signal.reason)));
  const error = await caught(cache.getOrSet("k", hanging));
  assert.equal(error.name, "TimeoutError");
  assert.equal(aborted, error);
  assert.equal(await cache.getOrSet("k", () => "anew"), "anew");
});

test("a marker that is gone is no other server: what is there stays", async (t) => {
  const { client, cache: make } = await cacheScene(t);
  const cache = make();
  await cache.set("k", "kept");
  await client().call("DEL", "ec:{app|}r");
  // It asks once a second who is there.
  await sleep(1_100);
  assert.equal(await cache.get("k"), "kept");
  assert.equal(await make({}, { name: "other" }).get("k"), "kept");
});

test("scripts that are denied later on hold nobody up", async (t) => {
  const { server, client, cache: make } = await cacheScene(t, ["--user", "app", "on", "nopass", "~*", "&*", "+@all"]);
  const url = server.url.replace("//", "//app:x@");
  const [one, other] = [make({}, { url }), make({}, { url, name: "other" })];
  const admin = client();
  for (const cache of [one, other]) await cache.getOrSet("warm", () => 1, { tags: ["t"] });
  await admin.call("ACL", "SETUSER", "app", "-eval", "-evalsha");
  const start = performance.now();
  for (const tags of [[], ["t"], ["new"], () => ["t"]]) {
    const key = ["k", String(tags)];
    for (const cache of [one, other, one]) assert.equal(await cache.getOrSet(key, () => "loaded", { tags }), "loaded");
    await until(async () => (await admin.exists(`el:{app|["k",${JSON.stringify(String(tags))}}`)) === 0);
  }
  assert.ok(performance.now() - start < 2_500, `${performance.now() - start} ms`);
});
