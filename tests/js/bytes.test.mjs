// Arguments whose memory goes away, and durations and names at their ends: one call fails, nobody else notices.
import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { faultProxy, startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";
import { answer } from "./programs.mjs";

const logger = false;
const caught = (promise) =>
  Promise.resolve(promise).then(
    (value) => value,
    (error) => error,
  );
const transfer = (bytes) => structuredClone(bytes, { transfer: [bytes.buffer] });

let server;
test.before(async () => {
  server = await startRedis({ args: ["--enable-debug-command", "local"] });
});
test.after(() => server.stop());

function client(t, options) {
  const made = createClient({ url: server.url, logger, share: false, ...options });
  t.after(() => made.close());
  return made;
}

test("bytes that were transferred away before the call are a UsageError, as is what only looks like bytes", async (t) => {
  const redis = client(t);
  const other = client(t, { db: 1 });
  await Promise.all([redis.init(), other.init()]);
  for (const size of [1, 8, 300, 100_000]) {
    const gone = new Uint8Array(size);
    transfer(gone);
    const error = await caught(redis.set("k", gone));
    assert.equal(error.kind, "UsageError");
    assert.match(error.message, /argument 2 is a Uint8Array that was transferred away/);
    assert.equal(await redis.ping(), "PONG");
  }
  const proxy = await caught(redis.echo(new Proxy(new Uint8Array(3), {})));
  assert.equal(proxy.kind, "UsageError");
  assert.equal(await redis.bytes.echo(new Uint8Array(0)).then((bytes) => bytes.length), 0, "no bytes are bytes");
  assert.deepEqual([await other.ping(), redis.stats().dials, other.stats().dials], ["PONG", 1, 1]);
});

test("bytes that are transferred away while they wait for the dial arrive all the same", async (t) => {
  for (const size of [10, 300, 5_000_000]) {
    const redis = client(t);
    const bytes = new Uint8Array(size).fill(67);
    const stored = redis.set(`waiting:${size}`, bytes);
    transfer(bytes);
    assert.equal(await stored, "OK");
    assert.equal(await redis.get(`waiting:${size}`), "C".repeat(size));
  }
});

test("bytes that are transferred away in the tick of the call cost their own command alone", async (t) => {
  const redis = client(t);
  const other = client(t, { db: 1 });
  await Promise.all([redis.init(), other.init(), redis.set("spoilt", "before")]);
  const bytes = new Uint8Array(5_000_000).fill(67);
  const all = [redis.set("spoilt", bytes), redis.echo("behind"), redis.get("spoilt"), other.echo("elsewhere")];
  transfer(bytes);
  const [set, ...others] = await Promise.all(all.map(caught));
  assert.deepEqual([set.kind, set.sent], ["UsageError", "no"]);
  assert.match(set.message, /transferred away or resized before the end of the tick/);
  assert.deepEqual(others, ["behind", "before", "elsewhere"]);
  assert.deepEqual([await redis.get("spoilt"), redis.stats().dials, other.stats().dials], ["before", 1, 1]);
});

test("a core that is replaced in the middle of a write leaves no byte behind for another link", async (t) => {
  const redis = client(t);
  await redis.init();
  const engine = globalThis[Symbol.for("edgis.engine.1")];
  const { external } = engine.pending;
  engine.pending.external = () => {
    throw new Error("of the test");
  };
  const lost = await caught(redis.set("k", "v".repeat(100_000)));
  engine.pending.external = external;
  assert.equal(lost.kind, "InternalError");
  const fresh = client(t, { db: 2 });
  assert.equal((await fresh.init()).state, "ready");
  assert.deepEqual([await redis.ping(), fresh.stats().dials], ["PONG", 1]);
});

test("durations longer than a timer can count are long, not short", async (t) => {
  for (const long of [2 ** 31 - 1, 2 ** 31, 1e12, "30d", "900d"]) {
    const redis = client(t, { timeouts: { command: long, connect: long } });
    const brief = redis.with({ timeouts: { command: 50 } });
    t.after(() => brief.close());
    assert.equal(await redis.ready({ timeout: long }), redis);
    const [slow, late] = await Promise.all([
      redis.with({ timeout: long }).call("DEBUG", "SLEEP", 0.15),
      caught(brief.echo("late")),
    ]);
    assert.deepEqual([slow, late.kind], ["OK", "TimeoutError"]);
    assert.equal(await redis.echo("well"), "well");
  }
});

test("a program may compute its budgets: seventy thousand of them", async (t) => {
  const redis = client(t);
  await redis.init();
  for (let i = 0; i < 70_000; i += 1) {
    const view = redis.with({ timeout: 1_000 + i / 100 });
    if (i % 1_000 === 0) assert.equal(await view.echo("x"), "x");
    else view.status();
  }
  assert.equal(await redis.with({ timeout: "9s" }).call("DEBUG", "SLEEP", 0.05), "OK");
  assert.ok(globalThis[Symbol.for("edgis.engine.1")].policies.size < 2_000);
});

test("pairs of timeouts are remembered for no longer than somebody has them", async () => {
  const { size, pong } = await answer(
    `import { createClient } from "edgis";
     const redis = createClient({ logger: false });
     await redis.ping();
     const { policies } = globalThis[Symbol.for("edgis.engine.1")];
     for (let i = 0; i < 10_000; i += 1) {
       const handle = redis.with({ timeouts: { connect: 100 + (i % 100), command: 100 + Math.floor(i / 100) } });
       handle.status();
       handle.close();
     }
     const until = performance.now() + 20_000;
     while (policies.size > 500 && performance.now() < until) { gc(); await new Promise((go) => setTimeout(go, 10)); }
     console.log(JSON.stringify({ size: policies.size, pong: await redis.ping() }));
     await redis.close();`,
    { env: { REDIS_URL: server.url }, exposeGc: true },
  );
  assert.ok(size <= 500, `${size} policies`);
  assert.equal(pong, "PONG");
});

test("who tries again at once while Redis is away leaves the event loop its turns", async (t) => {
  const away = await startRedis();
  const redis = client(t, { url: away.url });
  await redis.init();
  await away.kill();
  let tries = 0;
  const until = sleep(300).then(() => away.restart());
  const start = performance.now();
  for (;;) {
    tries += 1;
    if ((await caught(redis.echo("back"))) === "back") break;
    assert.ok(performance.now() - start < 20_000, "timers have their turn");
  }
  await until;
  assert.ok(tries > 10);
  await away.stop();
});

test("a client that is closed while it dials says so", async (t) => {
  const proxy = await faultProxy(server.url);
  t.after(() => proxy.close());
  await proxy.hang();
  const redis = client(t, { url: proxy.url, timeouts: { connect: 400 } });
  const errors = [caught(redis.get("x")), caught(redis.set("x", 1))];
  await sleep(30);
  await redis.close();
  for (const error of await Promise.all(errors)) {
    assert.match(error.message, /^(GET|SET): no connection to 127\.0\.0\.1:\d+ could be made \(timeout\)/);
    assert.equal(error.reason, "timeout");
  }
});

test("shared memory that another thread grows while it is read is taken at one length", async (t) => {
  const redis = client(t, { timeouts: { command: "20s" } });
  await redis.init();
  for (const start of [10, 300, 20_000, 100_000]) {
    const buffer = new SharedArrayBuffer(start, { maxByteLength: start + 50_000 });
    const worker = new Worker(
      `const { workerData: buffer } = require("node:worker_threads");
       for (let length = buffer.byteLength; length <= buffer.maxByteLength; length += 1) {
         buffer.grow(length);
         for (let i = 0; i < 500; i += 1) Atomics.load(new Uint8Array(buffer), 0);
       }`,
      { eval: true, workerData: buffer },
    );
    const ended = once(worker, "exit");
    // Its length follows the memory's.
    const view = new Uint8Array(buffer);
    const lengths = new Set();
    while (buffer.byteLength < buffer.maxByteLength) {
      const [echo, behind] = await Promise.all([redis.bytes.echo(view), redis.echo("behind")]);
      assert.ok(echo.length >= start && echo.length <= buffer.byteLength && echo.every((byte) => byte === 0));
      assert.equal(behind, "behind");
      lengths.add(echo.length);
    }
    await ended;
    assert.ok(lengths.size > 1, "it grew meanwhile");
  }
  assert.equal(redis.stats().dials, 1);
});

test("bytes of another realm are bytes, as jsdom's are to Node", async (t) => {
  const redis = client(t);
  const strange = runInNewContext("Uint8Array.of(0xff, 0, 1)");
  assert.equal(strange instanceof Uint8Array, false);
  assert.equal(await redis.set("realm", strange), "OK");
  assert.deepEqual(await redis.bytes.get("realm"), Uint8Array.of(0xff, 0, 1));
  const shared = runInNewContext("new Uint8Array(new SharedArrayBuffer(3)).fill(65)");
  assert.equal(await redis.call("ECHO", shared), "AAA");
});
