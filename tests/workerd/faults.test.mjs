// What must not reach from one request to another when something goes wrong.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startRedis } from "edgis/testing";
import { observe } from "../js/observer.mjs";
import { startWorker } from "./worker.mjs";

async function start(t, options) {
  const redis = await startRedis(options);
  t.after(() => redis.stop());
  const worker = await startWorker(t, { url: redis.url, source: "tests/workerd/faults.mjs", durableObjects: {} });
  const call = (command, more = {}) =>
    worker.get(`/call?${new URLSearchParams({ command: JSON.stringify(command), ...more })}`);
  return { redis, call, ...worker };
}

test("a core that dies while many requests wait is replaced, and all of them are told", async (t) => {
  const { redis, call, get, complaints } = await start(t);
  await call(["SET", "k", "v"]);
  redis.pause();
  const waiting = Array.from({ length: 30 }, () => call(["GET", "k"], { timeout: 20_000 }));
  // Some have been there for longer.
  await sleep(300);
  waiting.push(...Array.from({ length: 30 }, () => call(["INCR", "n"], { timeout: 20_000 })));
  // On a slow machine it takes a while until all have come.
  for (let i = 0; i < 200 && (await get("/waiting")).pending < 60; i += 1) await sleep(25);
  const began = performance.now();
  const trapped = get("/trap");
  await sleep(200);
  redis.resume();
  const { died, own } = await trapped;
  assert.equal(died.kind, "InternalError");
  assert.equal(own.kind, "InternalError");
  for (const { value } of await Promise.all(waiting))
    assert.ok(["InternalError", "ConnectionLostError"].includes(value.kind), JSON.stringify(value));
  const took = performance.now() - began;
  assert.ok(took < 5_000, `${took} ms`);
  const again = await Promise.all(Array.from({ length: 30 }, () => call(["GET", "k"])));
  for (const { value } of again) assert.equal(value, "v");
  assert.deepEqual(await get("/state"), { unhandled: 0 });
  assert.deepEqual(complaints(), []);
});

test("a credentials function is asked for each dial, and what it throws is told", async (t) => {
  const { call, get, redis, complaints } = await start(t, { args: ["--requirepass", "first"] });
  const first = await Promise.all(Array.from({ length: 20 }, () => call(["PING"], { client: "secret" })));
  for (const { value } of first) assert.equal(value, "PONG");
  assert.equal(Math.max(...first.map(({ given }) => given)), 20, "once a dial, and each request has one");
  const observer = await observe(redis, "first");
  await observer.ask("CONFIG", "SET", "requirepass", "second");
  observer.close();
  const wrong = await call(["PING"], { client: "secret" });
  assert.deepEqual([wrong.value.kind, wrong.status.reason], ["DisabledError", "auth"]);
  assert.ok(!JSON.stringify(wrong).includes('"first"'));
  const failing = await call(["PING"], { client: "throwing" });
  assert.deepEqual([failing.value.kind, failing.status.reason], ["DisabledError", "credentials"]);
  assert.match(failing.status.message, /the vault is closed/);
  assert.deepEqual(await get("/state"), { unhandled: 0 });
  assert.deepEqual(complaints(), []);
});

test("a signal of another request is a mistake of the call, and of nothing else", async (t) => {
  const { get, complaints } = await start(t);
  const kept = get("/keep");
  await sleep(200);
  const { thrown, rejected, after } = await get("/use");
  assert.equal(thrown, "nothing");
  // Since August 2026 it may be read everywhere.
  if (process.env.WORKERD !== "newest") {
    assert.equal(rejected.kind, "UsageError");
    assert.match(rejected.message, /^GET: the signal is another request's; nothing was sent/);
    assert.match(rejected.cause, /different request/);
  }
  assert.equal(after, "OK");
  await kept;
  // What the signal itself complains of is the test's own doing.
  assert.deepEqual(await get("/state"), { unhandled: 0 });
  assert.deepEqual(
    complaints().filter((line) => !/different request/.test(line)),
    [],
  );
});
