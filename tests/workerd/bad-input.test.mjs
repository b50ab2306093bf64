// What goes wrong with how a Worker is built or set up: one sentence that says what to change, and never a crash at import.
import assert from "node:assert/strict";
import test from "node:test";
import { startRedis } from "edgis/testing";
import { startWorker } from "./worker.mjs";

test("a bundler that does not know the core for a module is told what to do", async (t) => {
  for (const [loader, kind] of [
    ["dataurl", "a string"],
    ["binary", "an instance of Uint8Array"],
    ["empty", "an instance of Object"],
  ]) {
    const { get, complaints } = await startWorker(t, { url: "redis://127.0.0.1:6379", loader });
    const { status } = await get("/init");
    assert.deepEqual([status.state, status.reason, status.retryable], ["disabled", "wasm", false]);
    assert.ok(status.message.includes(`gave no WebAssembly.Module but ${kind}`), status.message);
    assert.match(status.hint, /"type": "CompiledWasm"/);
    assert.equal((await get("/try")).told, "EDGIS_DISABLED");
    assert.deepEqual(complaints(), []);
  }
});

test("with old compatibility dates everything works but the way through an object, which says so", async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  for (const date of ["2021-01-01", "2024-01-01"]) {
    const direct = await startWorker(t, { url: redis.url, date });
    assert.deepEqual(await direct.get("/page?id=1&rounds=1"), { values: ["1:0"] });
    const through = await startWorker(t, {
      url: redis.url,
      date,
      source: "tests/workerd/relay.mjs",
      durableObjects: { REDIS: "Redis" },
    });
    const { status } = await through.get("/module/init");
    assert.deepEqual([status.state, status.reason], ["disabled", "runtime"]);
    assert.match(status.message, /compatibility_date must be 2024-04-03 or later/);
  }
});

test("where a Worker cannot go it says why", async (t) => {
  for (const [url, sentence] of [
    ["unix:///run/redis.sock", /have no Unix sockets: use a redis:\/\/ or rediss:\/\/ URL/],
    ["http://127.0.0.1:6379", /HTTP endpoint/],
    ["", /no Redis URL is configured/],
  ]) {
    const { get } = await startWorker(t, { url });
    const { status } = await get("/init");
    assert.equal(status.state, "disabled");
    assert.match(status.message, sentence);
  }
});
