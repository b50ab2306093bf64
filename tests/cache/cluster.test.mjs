// A server in cluster mode refuses what touches two slots, whoever owns them: what the cache does must never.
import assert from "node:assert/strict";
import test from "node:test";
import { absent } from "edgis/cache";
import { cacheScene, counting, until } from "./scene.mjs";

test("everything works on a server that refuses commands over two slots", async (t) => {
  const { client: makeClient, cache: make } = await cacheScene(t, ["--cluster-enabled", "yes"]);
  const admin = makeClient();
  await admin.call("CLUSTER", "ADDSLOTS", ...Array.from({ length: 16_384 }, (_, slot) => slot));
  await until(async () => /cluster_state:ok/.test(await admin.call("CLUSTER", "INFO")));
  const cache = make({ ttl: 60_000, staleWhileRevalidate: "1m" });
  const other = make({}, { name: "other" });
  const load = counting((n) => n);
  for (const tags of [[], ["t", "u"], (value) => [`v${value}`]]) {
    const key = ["k", String(tags)];
    const first = await cache.getOrSet(key, load, { tags });
    await until(async () => (await other.get(key)) === first);
    assert.equal(await other.getOrSet(key, load, { tags }), first);
  }
  assert.equal(load.runs, 3);
  await cache.setMany(
    Array.from({ length: 50 }, (_, i) => [["n", i], i]),
    { tags: ["n"] },
  );
  const keys = Array.from({ length: 50 }, (_, i) => ["n", i]);
  assert.deepEqual(await other.getMany(keys), [...keys.keys()]);
  assert.deepEqual(await other.deleteByTag(["n", "t"]), { outcome: "applied" });
  assert.deepEqual(
    await cache.getMany(keys),
    keys.map(() => undefined),
  );
  await cache.getOrSet("none", () => absent);
  await cache.set(["}", "{"], 1);
  await cache.set("}{", 2);
  assert.deepEqual(await other.getMany([["}", "{"], "}{"]), [1, 2]);
  assert.deepEqual(await cache.delete([["}", "{"], "}{"]), { outcome: "applied" });
  assert.deepEqual(await cache.clear(), { outcome: "applied" });
  assert.deepEqual(await other.getMany([["}", "{"], "none"]), [undefined, undefined]);
  await admin.rpush("ec:{app|list}", "of another type");
  assert.equal(await cache.getOrSet("list", () => "loaded"), "loaded");
  for (const one of [cache, other]) assert.equal(one.stats().fallbacks.error, 0);
});
