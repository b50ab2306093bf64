// Many who want the same at once: one loads.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { cacheScene, counting, protocols, sleep, until } from "./scene.mjs";

const program = fileURLToPath(new URL("stampede.program.mjs", import.meta.url));

/** Starts so many processes, lets them go at once, and gives what they say. */
async function stampede(t, count, settings) {
  const { REDIS_URL, REDIS_URI, NODE_TEST_CONTEXT, ...env } = process.env;
  const children = Array.from({ length: count }, () => {
    const child = fork(program, [JSON.stringify(settings)], { env, stdio: ["ignore", "inherit", "inherit", "ipc"] });
    t.after(() => child.kill("SIGKILL"));
    return child;
  });
  await Promise.all(children.map((child) => once(child, "message")));
  const said = children.map((child) => once(child, "message"));
  for (const child of children) child.send("go");
  const all = (await Promise.all(said)).map(([one]) => one);
  for (const { wrong } of all) assert.equal(wrong, 0);
  return { loads: all.reduce((sum, { loads }) => sum + loads, 0), all };
}

for (const protocol of protocols) {
  test(`a thousand concurrent misses in a process: one load (RESP${protocol})`, async (t) => {
    const { cache: make } = await cacheScene(t);
    const cache = make({}, { protocol });
    const load = counting("loaded", 50);
    const all = await Promise.all(Array.from({ length: 1_000 }, () => cache.getOrSet("k", load)));
    assert.deepEqual([load.runs, new Set(all)], [1, new Set(["loaded"])]);
    assert.equal(cache.stats().joins, 999);
  });
}

test("misses that come one after the other while it is loaded: one load", async (t) => {
  const { cache: make } = await cacheScene(t);
  const cache = make();
  const load = counting("loaded", 100);
  const all = [];
  for (let i = 0; i < 50; i += 1) {
    all.push(cache.getOrSet("k", load, { tags: i % 2 === 0 ? ["t"] : (value) => [value] }));
    await sleep(1);
  }
  assert.deepEqual(new Set(await Promise.all(all)), new Set(["loaded"]));
  assert.equal(load.runs, 1);
});

test("eight processes with two hundred calls each: one load, also of a second", async (t) => {
  const { server } = await cacheScene(t);
  for (const takes of [20, 1_000]) {
    const settings = { url: server.url, protocol: takes === 20 ? 2 : 3, calls: 200, takes, keys: 1 };
    const other = { ...settings, url: `${server.url}/${takes === 20 ? 0 : 1}` };
    const { loads, all } = await stampede(t, 8, other);
    assert.equal(loads, 1, `${loads} loads of ${takes} ms`);
    for (const { time } of all) assert.ok(time < takes + 3_000, `${time} ms for a load of ${takes} ms`);
  }
});

test("a process that dies while it loads keeps the others waiting for seconds, not for ever", async (t) => {
  const { server, client, cache: make } = await cacheScene(t);
  const dying = fork(program, [JSON.stringify({ url: server.url, calls: 1, takes: 60_000, keys: 1 })], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  t.after(() => dying.kill("SIGKILL"));
  await once(dying, "message");
  dying.send("go");
  const cache = make({ namespace: "stampede" });
  const observer = client();
  await until(async () => (await observer.keys("el:*")).length === 1);
  dying.kill("SIGKILL");
  const start = performance.now();
  assert.equal(await cache.getOrSet(["k", 0], () => "mine"), "mine");
  assert.ok(performance.now() - start < 5_000);
  assert.equal(cache.stats().leaseWaits, 1);
});

test("recovery: each key is loaded once more at the most", async (t) => {
  const { server, cache: make } = await cacheScene(t);
  const cache = make({ trustAfterRestart: false });
  const loads = new Map();
  const load = (key) => async () => {
    loads.set(key, (loads.get(key) ?? 0) + 1);
    await sleep(30);
    return key;
  };
  await cache.getOrSet("warm", () => 1);
  await server.kill();
  await until(async () => {
    await cache.getOrSet("warm", () => 1);
    return cache.stats().fallbacks.disabled > 0;
  });
  await server.restart();
  await until(async () => {
    await cache.get("none");
    return cache.stats().fenced >= 2;
  });
  loads.clear();
  const calls = [];
  for (let i = 0; i < 30; i += 1) {
    for (let key = 0; key < 20; key += 1) calls.push(cache.getOrSet(["k", key], load(key)));
    await sleep(2);
  }
  await Promise.all(calls);
  assert.deepEqual(new Set(loads.values()), new Set([1]));
});
