// On Workers no request may wait for what another has begun; and yet the cache is one.
import assert from "node:assert/strict";
import test from "node:test";
import { startRedis } from "edgis/testing";
import { startWorker } from "../workerd/worker.mjs";
import { sleep, until } from "./scene.mjs";

async function start(t) {
  const redis = await startRedis();
  t.after(() => redis.stop());
  return { redis, ...(await startWorker(t, { url: redis.url, source: "tests/cache/worker.app.mjs" })) };
}

test("requests share what is cached, and each other's loads by way of Redis", async (t) => {
  const { get, complaints } = await start(t);
  assert.deepEqual(await get("/early"), { value: "loaded" });
  const values = await Promise.all(Array.from({ length: 100 }, () => get("/page?key=k&takes=200")));
  const { loads, plain } = await get("/stats");
  // Where the machine is slow some have no time left for a new connection's first question, and load without it.
  const alone = plain.fallbacks.timeout + plain.fallbacks.doubted;
  assert.equal(loads - alone, 1);
  assert.ok(new Set(values.map(({ value }) => value)).size <= 1 + alone);
  await until(async () => {
    await get("/page?key=other");
    return (await get("/delete?key=k")).outcome === "applied";
  });
  const { value } = await get("/page?key=k");
  assert.ok(value > loads, `${value} was loaded before, by one of ${loads} loads`);
  assert.deepEqual(complaints(), []);
});

test("requests that are given up in the middle of a load hold up nobody", async (t) => {
  const { get, complaints } = await start(t);
  await get("/page?key=warm");
  const cold = Array.from({ length: 50 }, () =>
    get("/page?key=k&takes=60000", { signal: AbortSignal.timeout(100) }).then(
      () => assert.fail("it takes a minute"),
      (error) => error.name,
    ),
  );
  assert.deepEqual(new Set(await Promise.all(cold)), new Set(["TimeoutError"]));
  const begun = performance.now();
  const answers = await Promise.all(Array.from({ length: 30 }, () => get("/page?key=k")));
  assert.ok(answers.every(({ value }) => value > 0));
  // The lease of a request that is gone ends by itself.
  assert.ok(performance.now() - begun < 8_000);
  assert.deepEqual(complaints(), []);
});

test("a request that is given up takes nobody's place among those that may load", async (t) => {
  const { get, complaints } = await start(t);
  await get("/page?key=warm");
  for (const key of ["a", "b", "c"]) {
    const hanging = get(`/page?key=${key}&takes=60000&cache=capped`, { signal: AbortSignal.timeout(200) });
    await assert.rejects(hanging, { name: "TimeoutError" });
  }
  const begun = performance.now();
  assert.ok((await get("/page?key=d&cache=capped")).value > 0);
  assert.ok(performance.now() - begun < 8_000);
  assert.deepEqual(complaints(), []);
});

test("stale is refreshed behind the response, and what is in memory is the isolate's", async (t) => {
  const { get, complaints } = await start(t);
  assert.deepEqual(await get("/page?key=s&cache=brief"), { value: 1 });
  await sleep(100);
  assert.deepEqual(await get("/page?key=s&cache=brief&takes=50"), { value: 1 });
  await until(async () => (await get("/stats")).brief.fills === 2);
  assert.deepEqual(await get("/page?key=s&cache=brief&takes=50"), { value: 2 });
  await get("/page?key=n&cache=near");
  await until(async () => (await get("/page?key=n&cache=near")) && (await get("/stats")).near.l1Hits > 2);
  assert.deepEqual(complaints(), []);
});

test("without Redis a Worker runs uncached", async (t) => {
  const { redis, get, complaints } = await start(t);
  await get("/page?key=k");
  await redis.kill();
  for (let i = 0; i < 10; i += 1) assert.ok((await get("/page?key=k")).value > 0);
  assert.equal((await get("/delete?key=k")).outcome, "journaled");
  await redis.restart();
  await until(async () => {
    await get("/page?key=other");
    return (await get("/stats")).plain.journal === 0;
  });
  assert.deepEqual(complaints(), []);
});
