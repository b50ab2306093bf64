// The core dies, as by a bug in it: callers get an error, and the next command finds a new core. Each test in a process
// of its own, since there is one core a thread.
import assert from "node:assert/strict";
import test from "node:test";
import { observe } from "./observer.mjs";
import { answer } from "./programs.mjs";
import { startRedis } from "./redis-server.mjs";

let server;
let observer;
test.before(async () => {
  server = await startRedis();
  observer = await observe(server);
});
test.after(async () => {
  observer.close();
  await server.stop();
});

/** Runs a program whose value is what it puts into `told`. */
const told = (source) =>
  answer(
    `import { createClient, isRedisError } from "edgis";
     const engine = () => globalThis[Symbol.for("edgis.engine.1")];
     const trap = () => engine().enter(undefined, (core) => core.calls.trap());
     const caught = (promise) => promise.then((value) => value, (error) => error);
     const url = process.env.REDIS_URL;
     const redis = createClient({ url, logger: false });
     const told = {};
     ${source}
     told.unhandled = globalThis.__unhandled;
     told.uncaught = globalThis.__uncaught;
     console.log(JSON.stringify(told));`,
    { env: { REDIS_URL: server.url }, witnessed: true },
  );

const quiet = { unhandled: 0, uncaught: 0, stderr: "" };

test("what is in flight or staged rejects with InternalError, and the next command works on one new link", async () => {
  await observer.ask("SET", "n", 0);
  const { errors, after, others, ...rest } = await told(`
    const other = createClient({ url: url + "/1", logger: false });
    await Promise.all([redis.ping(), other.ping()]);
    const inFlight = [redis.incr("n"), redis.get("k"), other.get("k")];
    await new Promise(setImmediate);
    const all = [...inFlight, redis.incr("staged"), other.init()];
    trap();
    const outcomes = await Promise.all(all.map(caught));
    told.errors = outcomes.slice(0, 4).map(({ kind, code, sent, command }) => [kind, code, sent, command].join(" "));
    told.status = outcomes[4].state;
    told.after = await Promise.all([redis.incr("n"), redis.get("k"), other.set("k", "v"), redis.ping()]);
    told.others = (await redis.clientList()).split("\\n").filter((line) => line.includes("lib-name=edgis") || line.includes("cmd=client")).length;
    told.dials = redis.stats().dials;
    await Promise.all([redis.close(), other.close()]);
  `);
  assert.deepEqual(errors, [
    "InternalError EDGIS_INTERNAL maybe INCR",
    "InternalError EDGIS_INTERNAL maybe GET",
    "InternalError EDGIS_INTERNAL maybe GET",
    "InternalError EDGIS_INTERNAL maybe INCR",
  ]);
  assert.ok(after[0] >= 1 && after[0] <= 2, "it was executed once or not at all before");
  assert.deepEqual(after.slice(1), [null, "OK", "PONG"]);
  assert.ok(others >= 1);
  assert.deepEqual(rest, { ...quiet, status: "ready", dials: 1 });
  assert.equal(await observer.ask("EXISTS", "staged"), 0);
});

test("a core that dies while a client closes takes no other client's target with it", async () => {
  const { lost, ...rest } = await told(`
    const other = createClient({ url: url + "/1", logger: false });
    await Promise.all([redis.ping(), other.ping()]);
    // The next batch kills the core: that which close() hands over.
    const { submit } = engine().core.calls;
    engine().core.calls.submit = () => engine().core.calls.trap();
    const lost = caught(redis.incr("n"));
    await redis.close();
    told.lost = (await lost).kind;
    told.closed = redis.status().state;
    told.others = [other.status().state, await other.ping(), await createClient({ url: url + "/1", logger: false }).ping()];
    told.deaths = engine().deaths.length;
    await other.close();
  `);
  assert.equal(lost, "InternalError");
  assert.deepEqual(rest, { ...quiet, closed: "closed", others: ["idle", "PONG", "PONG"], deaths: 1 });
});

test("a core that dies of a new target leaves it usable, and so do deaths in a row", async () => {
  const ended = await told(`
    await redis.ping();
    const { calls } = engine().core;
    calls.configure = () => calls.trap();
    const other = createClient({ url: url + "/1", logger: false });
    told.other = await other.ping();
    told.again = await redis.ping();
    told.deaths = engine().deaths.length;
    told.state = other.status().state;
    // The successor dies when it is told of the targets.
    const { newCore } = engine();
    let broken = 2;
    engine().newCore = function () {
      const core = newCore.call(this);
      if (broken-- > 0) core.calls.configure = () => core.calls.trap();
      return core;
    };
    trap();
    told.after = [await redis.ping(), await other.ping(), engine().deaths.length, engine().isDown];
    await Promise.all([redis.close(), other.close()]);
  `);
  assert.deepEqual(ended, {
    ...quiet,
    other: "PONG",
    again: "PONG",
    deaths: 1,
    state: "ready",
    after: ["PONG", "PONG", 4, false],
  });
});

test("a core that dies while it dials settles the connection promise and every waiting command", async () => {
  const ended = await told(`
    const waiting = [redis.init(), redis.connect(), redis.get("k"), redis.set("k", 1), redis.ready()];
    await new Promise(process.nextTick);
    trap();
    const [status, client, read, write, ready] = await Promise.all(waiting.map(caught));
    told.settled = [status.state, client === redis, read.kind, write.kind, ready === redis];
    await redis.close();
  `);
  assert.deepEqual(ended, { ...quiet, settled: ["idle", true, "InternalError", "InternalError", true] });
});

test("a core that dies among the replies of a chunk: those before it are delivered, nothing of it is believed after", async () => {
  await observer.ask("MSET", ...Array.from({ length: 100 }, (_, i) => [`key:${i}`, `value ${i}`]).flat());
  const ended = await told(`
    await redis.ping();
    const { calls } = engine().core;
    const { receive } = calls;
    let chunks = 0;
    // The second chunk kills it.
    calls.receive = (...args) => ((chunks += 1) === 2 ? calls.trap() : receive(...args));
    const all = Array.from({ length: 100 }, (_, i) => [redis.get("key:" + i)]).flat();
    await new Promise(setImmediate);
    await Promise.all(all);
    const second = await Promise.all(Array.from({ length: 100 }, (_, i) => caught(redis.get("key:" + i))));
    const kinds = new Set(second.map((value, i) => (value === "value " + i ? "right" : value?.kind ?? "wrong")));
    told.kinds = [...kinds];
    const third = await Promise.all(Array.from({ length: 100 }, (_, i) => redis.get("key:" + i)));
    told.right = third.every((value, i) => value === "value " + i);
    await redis.close();
  `);
  assert.deepEqual(ended, { ...quiet, kinds: ["InternalError"], right: true });
});

test("a core that dies six times within a minute stays down for a while, and says so at once", async () => {
  const ended = await told(`
    told.states = [];
    for (let i = 0; i < 6; i += 1) {
      await redis.init();
      told.states.push(redis.status().state);
      trap();
    }
    const start = performance.now();
    const error = await caught(redis.get("k"));
    const { state, reason, retryable, hint } = redis.status();
    Object.assign(told, { state, reason, retryable, kind: error.kind, because: error.reason });
    told.hint = hint.length > 20;
    told.soon = performance.now() - start < 50;
    told.fresh = (await createClient({ url, logger: false, share: false }).init()).reason;
    await redis.close();
  `);
  assert.deepEqual(ended, {
    ...quiet,
    states: Array(6).fill("ready"),
    state: "disabled",
    reason: "internal",
    retryable: true,
    kind: "DisabledError",
    because: "internal",
    hint: true,
    soon: true,
    fresh: "internal",
  });
});

test("where no new core can be made the target is disabled, and nothing hangs", async () => {
  const ended = await told(`
    await redis.ping();
    const waiting = caught(redis.get("k"));
    engine().newCore = () => { throw new RangeError("WebAssembly.Instance(): Out of memory"); };
    trap();
    told.kind = (await waiting).kind;
    told.reason = (await redis.init()).reason;
    told.later = (await caught(redis.set("k", "v"))).reason;
    await redis.close();
    told.closed = redis.status().state;
  `);
  assert.deepEqual(ended, { ...quiet, kind: "InternalError", reason: "internal", later: "internal", closed: "closed" });
});

test("a client that is closing, and a call under a signal, outlive the core", async () => {
  const ended = await told(`
    await redis.ping();
    const { signal } = new AbortController();
    const controller = new AbortController();
    const call = caught(redis.with({ signal: controller.signal }).get("k"));
    const closing = redis.close();
    trap();
    controller.abort();
    await closing;
    told.kind = (await call).kind;
    const again = createClient({ url, logger: false });
    told.pong = await again.with({ signal }).ping();
    await again.close();
  `);
  assert.deepEqual(ended, { ...quiet, kind: "InternalError", pong: "PONG" });
});

test("a read of a cache that was to leave in that tick is asked again, and one for which the value is there loads nothing", async () => {
  const { values, loads, ...rest } = await told(`
    const { createCache } = await import("edgis/cache");
    const cache = createCache({ client: redis, namespace: "trap", ttl: "1m" });
    let loads = 0;
    const load = () => ++loads;
    await cache.getOrSet("k", load);
    while (cache.stats().fills === 0) await new Promise(setImmediate);
    const during = cache.getOrSet("k", load);
    trap();
    told.values = [await during, await cache.getOrSet("k", load)];
    told.loads = loads;
    await redis.close();
  `);
  assert.deepEqual({ values, loads, ...rest }, { values: [1, 1], loads: 1, ...quiet });
});
