// What becomes of invalidations when clients are closed.
import assert from "node:assert/strict";
import test from "node:test";
import { createCache } from "edgis/cache";
import { cacheScene, caught, sleep, until } from "./scene.mjs";

/**
 * A process has lost Redis and has invalidated what another one still has. It has `handles` clients of one target, of which the
 * first was used for that.
 */
async function owing(t, handles = 1) {
  const { proxy, client: makeClient, cache: make } = await cacheScene(t);
  const retry = { base: 5, cap: 50 };
  const clients = Array.from({ length: handles }, () => makeClient({ url: proxy.url, retry }));
  const caches = clients.map((client) => createCache({ client, namespace: "app", ttl: "1m" }));
  const other = make({}, { name: "other" });
  await caches[0].set("k", "old");
  for (const cache of [...caches, other]) assert.equal(await cache.get("k"), "old");
  await proxy.down();
  await until(async () => (await caches[0].get("k")) === undefined);
  assert.equal((await caches[0].delete("k")).outcome, "journaled");
  return { proxy, clients, caches, other };
}

test("close({ drain }) makes up for the journal as soon as Redis is back", async (t) => {
  for (const [back, handles] of [
    [0, 1],
    [300, 1],
    [300, 2],
  ]) {
    const { proxy, clients, caches, other } = await owing(t, handles);
    const healed = sleep(back).then(() => proxy.heal());
    const closing = clients[0].close({ drain: "10s" });
    assert.equal(clients[0].close({ drain: "10s" }), closing);
    await closing;
    await healed;
    assert.equal(clients[0].status().state, "closed");
    assert.equal(caches[0].stats().journal, 0);
    assert.equal(await other.get("k"), undefined);
  }
});

test("close({ drain }) takes no longer than it may", async (t) => {
  const { clients, caches } = await owing(t);
  const start = performance.now();
  await clients[0].close({ drain: 200 });
  const took = performance.now() - start;
  assert.ok(took > 150 && took < 2_000, `${took} ms`);
  assert.equal(caches[0].stats().journal, 1);
});

test("what a closed client owes, another one of the target makes up for, with no read", async (t) => {
  const { proxy, clients, caches, other } = await owing(t, 2);
  await clients[0].close();
  await proxy.heal();
  await until(() => caches[1].stats().journal === 0);
  assert.equal(await other.get("k"), undefined);
});

test("what a closed client owes, one that is made later makes up for", async (t) => {
  const { proxy, clients, other } = await owing(t);
  await clients[0].close();
  await proxy.heal();
  const { client: makeClient } = await cacheScene(t);
  const client = makeClient({ url: proxy.url });
  const cache = createCache({ client, namespace: "app", ttl: "1m" });
  assert.equal(await cache.get("k"), undefined);
  await until(async () => (await other.get("k")) === undefined && cache.stats().journal === 0);
});

test("an invalidation through a closed client is journaled for those that live, or rejects", async (t) => {
  const { client: makeClient } = await cacheScene(t);
  const kept = [];
  const [one, two] = [makeClient(), makeClient()];
  const [closed, open] = [one, two].map((client) =>
    createCache({ client, namespace: "app", ttl: "1m", onJournal: (entry) => kept.push(entry.outcome) }),
  );
  await closed.set("k", "old");
  assert.equal(await open.get("k"), "old");
  await one.close();
  assert.deepEqual(await closed.delete("k"), { outcome: "journaled" });
  assert.equal(await open.get("k"), undefined);
  await until(() => open.stats().journal === 0);
  assert.deepEqual(kept, ["journaled"]);
  assert.equal(await closed.getOrSet("k", () => "loaded"), "loaded");
  await two.close();
  for (const act of [
    () => closed.delete("k"),
    () => closed.set("k", 1),
    () => open.clear(),
    () => open.deleteByTag("t"),
  ]) {
    const error = await caught(act());
    assert.equal(error.kind, "DisabledError");
    assert.match(error.message, /the client is closed/);
  }
});
