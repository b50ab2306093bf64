// A server that is away, late, full or not to be written to: who decides then, how soon, and that it is over with it.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "edgis";
import { RateLimit } from "edgis/ratelimit";
import { freePort, startRedis } from "edgis/testing";
import { until } from "../faults/scene.mjs";

async function play(t, options = {}, redisOptions = {}) {
  const server = await startRedis(redisOptions);
  const lines = [];
  const logger = { info: () => {}, warn: (line) => lines.push(line) };
  const client = createClient({ url: server.url, logger });
  t.after(async () => {
    server.resume();
    await client.close();
    await server.stop();
  });
  const limits = new RateLimit(client, { name: "outage", limit: 2, window: "1m", algorithm: "fixed", ...options });
  return { server, client, limits, lines };
}

async function decisions(limits, key, count) {
  const all = [];
  for (let i = 0; i < count; i += 1) all.push(await limits.limit(key));
  return all;
}

for (const [whenUnavailable, decidedBy, pattern] of [
  ["local", "local", [true, true, false, false]],
  ["allow", "policy", [true, true, true, true]],
  ["deny", "policy", [false, false, false, false]],
]) {
  test(`Redis is killed: ${whenUnavailable}, and over when it is back`, async (t) => {
    const { server, limits } = await play(t, { whenUnavailable });
    assert.equal((await limits.limit("ada")).decidedBy, "redis");
    await server.kill();
    const found = await decisions(limits, "grace", 4);
    assert.deepEqual(
      found.map(({ allowed }) => allowed),
      pattern,
    );
    for (const decision of found) {
      assert.equal(decision.decidedBy, decidedBy);
      assert.ok(typeof decision.reason === "string" && decision.reason.length > 0);
    }
    assert.equal(limits.stats().unavailable, 4);
    await server.restart();
    await until(async () => (await limits.limit(`someone ${Math.random()}`)).decidedBy === "redis");
  });
}

test("a server that hangs delays one request by the timeout, and the others by nothing", async (t) => {
  const { server, limits, client } = await play(t, { timeout: "100ms" });
  await limits.limit("ada");
  server.pause();
  const start = performance.now();
  const first = await limits.limit("ada");
  const took = performance.now() - start;
  assert.deepEqual([first.decidedBy, first.reason], ["local", "timeout"]);
  assert.ok(took >= 95 && took < 600, `${took} ms`);
  const then = performance.now();
  for (const decision of await decisions(limits, "ada", 20)) assert.equal(decision.decidedBy, "local");
  assert.ok(performance.now() - then < 90, "all but the first at once");
  server.resume();
  await until(async () => (await limits.limit("ada")).decidedBy === "redis");
  assert.equal(client.status().state, "ready");
});

test("with nothing there from the start, the first request waits for the dial and not longer", async (t) => {
  const client = createClient({ url: `redis://127.0.0.1:${await freePort()}`, logger: false });
  t.after(() => client.close());
  const limits = new RateLimit(client, { name: "none", limit: 1, window: "1m" });
  const found = await decisions(limits, "ada", 3);
  assert.deepEqual(
    found.map(({ allowed, decidedBy, reason }) => [allowed, decidedBy, reason]),
    [
      [true, "local", "refused"],
      [false, "local", "refused"],
      [false, "local", "refused"],
    ],
  );
  await client.close();
  assert.equal((await limits.limit("new")).decidedBy, "local", "nor does a closed client stop anybody");
});

test("a server that refuses is told apart, said once, and believed again", async (t) => {
  for (const [reason, break_, mend] of [
    ["OOM", ["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"]],
    ["READONLY", ["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]],
    ["NOPERM", ["ACL", "SETUSER", "default", "-eval", "-evalsha"], ["ACL", "SETUSER", "default", "+@all"]],
    ["NOREPLICAS", ["CONFIG", "SET", "min-replicas-to-write", "1"], ["CONFIG", "SET", "min-replicas-to-write", "0"]],
  ]) {
    await t.test(reason, async (t) => {
      const { client, limits, lines } = await play(t, { limit: 3 });
      await limits.limit("ada");
      await client.call(...break_);
      const found = await decisions(limits, "grace", 4);
      assert.deepEqual(
        found.map(({ allowed, decidedBy, reason }) => [allowed, decidedBy, reason]),
        [true, true, true, false].map((allowed) => [allowed, "local", reason]),
      );
      const told = lines.filter((line) => line.includes("rate limit outage"));
      assert.equal(told.length, 1, lines.join("\n"));
      assert.match(told[0], new RegExp(reason));
      await client.call(...mend);
      assert.equal((await limits.limit("grace")).decidedBy, "redis");
    });
  }
});

test("what a local block denied stays denied while Redis is away", async (t) => {
  const { server, limits } = await play(t, { limit: 100 });
  await limits.block("mallory", "1m");
  await server.kill();
  const decision = await limits.limit("mallory");
  assert.deepEqual([decision.allowed, decision.decidedBy], [false, "local"]);
  await assert.rejects(limits.block("trudy", "1m"));
  assert.equal((await limits.limit("trudy")).allowed, false, "here at least");
});

test("it does not keep a process alive, nor memory", async (t) => {
  const { limits, server } = await play(t, { maxKeys: 100 });
  await server.kill();
  for (let i = 0; i < 5000; i += 1) await limits.limit(`visitor ${i}`);
  await sleep(0);
  assert.equal((await limits.limit("visitor 4999")).allowed, true);
});
