// What caches leave behind, in Redis and in the process.
import assert from "node:assert/strict";
import test from "node:test";
import { createCache } from "edgis/cache";
import { cacheScene, sleep, until } from "./scene.mjs";

const HOUR = 3_600_000;

test("tags that are used once leave nothing, and everything else has a life", async (t) => {
  const { client, cache: make } = await cacheScene(t);
  const cache = make({ ttl: 400 });
  const admin = client();
  await Promise.all(Array.from({ length: 200 }, (_, i) => cache.getOrSet(`k${i}`, () => i, { tags: [`of:${i}`] })));
  await Promise.all(
    Array.from({ length: 200 }, (_, i) => cache.getOrSet(`v${i}`, () => i, { tags: () => [`by:${i}`] })),
  );
  await until(() => cache.stats().fills === 400);
  for (let i = 0; i < 200; i += 1) await cache.deleteByTag(`gone:${i}`);
  await cache.set("s", 1, { tags: ["set"] });
  // Half as long again, and half a second.
  await sleep(1_500);
  const left = (await admin.keys("*")).sort();
  assert.deepEqual(left, ["ec:{app|}n", "ec:{app|}r"]);
  for (const key of left) assert.ok((await admin.pttl(key)) > 0, key);
});

test("markers live as long as what carries them, however often that is stored", async (t) => {
  const { client, cache: make } = await cacheScene(t);
  const admin = client();
  const [short, long] = [make({ ttl: "1m" }), make({ ttl: 30 * 24 * HOUR }, { name: "long" })];
  await short.getOrSet("a", () => 1, { tags: ["t"] });
  await until(() => short.stats().fills === 1);
  await long.getOrSet("b", () => 1, { tags: ["t"] });
  await until(() => long.stats().fills === 1);
  await long.set("c", 1, { tags: ["u"] });
  await short.set("d", 1, { tags: ["u", "t"] });
  await until(async () => (await admin.pttl("ec:{app|}n")) > 30 * 24 * HOUR);
  for (const key of ["ec:{app|t}t", "ec:{app|u}t"]) assert.ok((await admin.pttl(key)) > 30 * 24 * HOUR, key);
  assert.deepEqual(await short.getMany(["a", "b", "c", "d"]), [1, 1, 1, 1]);
  // Whose data they are is remembered as long.
  await make({}, { name: "third" }).get("a");
  await sleep(1_100);
  await long.get("a");
  assert.ok((await admin.pttl("ec:{app|}r")) > 30 * 24 * HOUR);
});

test("a marker is not prolonged by each entry", async (t) => {
  const { client, cache: make } = await cacheScene(t);
  const admin = client();
  const cache = make({ ttl: "1m" });
  const keys = Array.from({ length: 50 }, (_, i) => `k${i}`);
  await cache.getOrSet("first", () => 0, { tags: ["t"] });
  const calls = async () => Number(/cmdstat_pttl:calls=(\d+)/.exec(await admin.info("commandstats"))?.[1] ?? 0);
  const before = await calls();
  for (const key of keys) await cache.getOrSet(key, () => key, { tags: ["t"] });
  await until(() => cache.stats().fills === 51);
  assert.ok((await calls()) - before <= 6, `${(await calls()) - before}`);
});

test("namespaces that nobody uses any more are let go of", async (t) => {
  const { client: makeClient } = await cacheScene(t);
  const client = makeClient();
  const spaces = () => globalThis[Symbol.for("edgis.cache.1")];
  for (let i = 0; i < 1_000; i += 1) {
    await createCache({ client, namespace: `tenant:${i}`, ttl: "1m" }).getOrSet("k", () => 1);
    // Whoever collects garbage does it between turns of the loop.
    if (i % 50 === 0) await sleep(1);
    if (i % 200 === 0) globalThis.gc?.();
  }
  assert.ok(globalThis.gc === undefined || spaces().size < 900, `${spaces().size}`);
});
