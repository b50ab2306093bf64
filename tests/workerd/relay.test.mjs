// A Durable Object holds the connection, and a tick's commands cross to it in one call.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startRedis } from "edgis/testing";
import { observe } from "../js/observer.mjs";
import { generations, startWorker } from "./worker.mjs";

const classes = ["Redis", "Hung", "Breaks", "Broken", "Denied", "Unset", "Foreign"];

async function start(t, { idle = "60s", generation, ...redisOptions } = {}) {
  const redis = await startRedis(redisOptions);
  t.after(() => redis.stop());
  const observer = await observe(redis);
  const worker = await startWorker(t, {
    url: redis.url,
    source: "tests/workerd/relay.mjs",
    generation,
    durableObjects: Object.fromEntries(classes.map((name) => [name.toUpperCase(), name])),
    bindings: { REDIS_URL: redis.url, IDLE: idle },
  });
  /** Commands in one tick of one request. */
  const calls = async (client, commands, more = {}) =>
    // Some are longer than a URL may be.
    worker.get(`/${client}/calls?${new URLSearchParams(more)}`, { method: "POST", body: JSON.stringify(commands) });
  const call = async (client, ...command) => (await calls(client, [command])).values[0];
  return { redis, observer, calls, call, ...worker };
}

/** Tries until it comes true. */
async function until(true_, within = 10_000) {
  const end = performance.now() + within;
  for (;;) {
    const found = await true_();
    if (found || performance.now() > end) return found;
    await sleep(50);
  }
}

test("200 concurrent requests share one connection, which is closed when nobody uses it any more", async (t) => {
  const { get, observer, complaints } = await start(t, { idle: "1s" });
  let most = 0;
  let over = false;
  const watching = (async () => {
    while (!over) most = Math.max(most, (await observer.others()).length);
  })();
  const answers = await Promise.all(Array.from({ length: 200 }, (_, id) => get(`/patient/page?id=${id}`)));
  over = true;
  await watching;
  for (const [id, { values }] of answers.entries())
    assert.deepEqual(
      values,
      [0, 1, 2].map((i) => `${id}:${i}`),
    );
  assert.equal(most, 1);
  assert.equal((await observer.others()).length, 1);
  assert.ok(await until(async () => (await observer.others()).length === 0), "it is idle, and still open");
  // And opened again when somebody comes.
  assert.deepEqual(await get("/module/page?id=1"), { values: ["1:0", "1:1", "1:2"] });
  assert.deepEqual(complaints(), []);
});

for (const generation of generations) {
  test(`${generation}: through an object, 200 requests given up, then 500 in turn and 200 at once`, async (t) => {
    const { get, redis, observer, complaints } = await start(t, { generation });
    await get("/patient/page?id=0");
    redis.pause();
    const given = Array.from({ length: 200 }, (_, id) =>
      get(`/patient/page?id=${id}`, { signal: AbortSignal.timeout(50) }).then(
        () => assert.fail("nothing answers"),
        (error) => error.name,
      ),
    );
    assert.deepEqual(new Set(await Promise.all(given)), new Set(["TimeoutError"]));
    redis.resume();
    const answered = async (id) => assert.equal((await get(`/patient/page?id=${id}&rounds=1`)).values[0], `${id}:0`);
    await Promise.all(Array.from({ length: 50 }, (_, id) => answered(id)));
    for (let id = 0; id < 500; id += 1) await answered(id);
    await Promise.all(Array.from({ length: 200 }, (_, id) => answered(id)));
    assert.equal((await observer.others()).length, 1);
    assert.deepEqual(complaints(), []);
  });
}

test("a tick's commands cross in one call, whatever they are and from whatever depth of promises they come", async (t) => {
  const { get, calls } = await start(t);
  await get("/module/init");
  const before = await get("/inside/edgis");
  assert.deepEqual(await get("/module/tick?count=100"), { distinct: 100 });
  await calls("module", [
    ["GET", "a"],
    ["SET", "a", "1"],
    ["GET", "a"],
  ]);
  const after = await get("/inside/edgis");
  assert.equal(after.calls - before.calls, 2);
  assert.equal(after.greetings - before.greetings, 0, "what has just answered need not be greeted");
});

test("replies have the values and types that they have without an object", async (t) => {
  const { calls, call, get } = await start(t, { args: ["--enable-debug-command", "local"] });
  await call("direct", "HSET", "h", "f", "1", "__proto__", "ü");
  await call("direct", "ZADD", "z", "1.5", "a", "inf", "b");
  const commands = [
    ["GET", "nothing"],
    ["HGETALL", "h"],
    ["SET", "k", "grüße\r\n€", "EX", "100"],
    ["GET", "k"],
    ["TYPE", "k"],
    ["SET", "n", "9007199254740993"],
    ["INCRBY", "n", "0"],
    ["INCRBY", "m", "-9007199254740993"],
    ["DEL", "m"],
    ["ZRANGE", "z", "0", "-1", "WITHSCORES"],
    ["ZSCORE", "z", "b"],
    ["CONFIG", "GET", "maxmemory*"],
    ["COMMAND", "INFO", "get"],
    ["LCS", "k", "n", "IDX"],
    ["EVAL", "return {1, 'a', {ok = 'fine'}, {{}, false}, {err = 'MY oops'}}", "0"],
    ["EVAL", "return redis.error_reply('MY oops')", "0"],
    ["EVAL", "return redis.error_reply('EDGIS {}')", "0"],
    ...["string", "integer", "double", "null", "array", "set", "map", "true", "false", "bignum", "verbatim"].map(
      (kind) => ["DEBUG", "PROTOCOL", kind],
    ),
    ["INCR", "k"],
    ["NOSUCH", "secret"],
    ["SUBSCRIBE", "x"],
    ["GET"],
    [""],
    ["ECHO", ""],
    ["ECHO", "x".repeat(100_000)],
  ];
  for (const form of [{}, { bytes: 1 }, { integers: "bigint" }, { bytes: 1, integers: "bigint" }]) {
    const direct = await calls("direct", commands, form);
    const through = await calls("module", commands, form);
    for (const [index, command] of commands.entries())
      assert.deepEqual(through.values[index], direct.values[index], `${command.slice(0, 3)} ${JSON.stringify(form)}`);
  }
  assert.deepEqual(await get("/module/binary"), { same: true });
  assert.deepEqual(await get("/module/fields"), {
    fields: [
      [[0xca], [0x30]],
      [[0xcb], [0x31]],
      [[...Buffer.from("name")], [0x32]],
    ],
    text: { "\ufffd": "1", name: "2" },
  });
  assert.deepEqual(await get("/module/large?length=2000000"), { set: "OK", same: true });
});

test("what is too large for a call is refused, and the next goes through", async (t) => {
  const { get, call, observer } = await start(t);
  const { set } = await get("/module/large?warm=1&length=17000000");
  assert.deepEqual([set.kind, set.reason, set.sent], ["DisabledError", "queue-full", "no"]);
  assert.match(set.message, /32 MiB/);
  await observer.ask("SETRANGE", "large", 40_000_000, "x");
  const got = await call("module", "GET", "large");
  assert.deepEqual([got.kind, got.sent], ["ProtocolError", "yes"]);
  assert.equal(await call("module", "GETRANGE", "large", 40_000_000, -1), "x");
});

test("an object is found by its binding, by a function, by name, by stub, and several share the work", async (t) => {
  const { get, observer, complaints } = await start(t);
  for (const [count, client] of [
    [1, "module"],
    [1, "later"],
    [2, "named"],
    [3, "stub"],
  ]) {
    assert.deepEqual(await get(`/${client}/page?id=${client}&rounds=1`), { values: [`${client}:0`] });
    assert.equal((await observer.others()).length, count, client);
  }
  await Promise.all(Array.from({ length: 60 }, (_, id) => get(`/spread/page?id=${id}`)));
  const shards = (await observer.others()).length - 3;
  assert.ok(shards >= 2 && shards <= 4, `${shards} shards`);
  assert.deepEqual(complaints(), []);
});

test("what nobody waits for is done all the same", async (t) => {
  const { get, observer } = await start(t);
  await Promise.all(Array.from({ length: 20 }, (_, id) => get(`/module/forget?id=${id}`)));
  assert.ok(await until(async () => (await observer.ask("DBSIZE")) === 20));
});

test("requests that their clients gave up hold nobody up", async (t) => {
  const { get, redis, complaints } = await start(t);
  await get("/module/page?id=0");
  redis.pause();
  const given = Array.from({ length: 100 }, (_, id) =>
    get(`/module/page?id=${id}`, { signal: AbortSignal.timeout(50) }).then(
      () => assert.fail("nothing answers"),
      (error) => error.name,
    ),
  );
  assert.deepEqual(new Set(await Promise.all(given)), new Set(["TimeoutError"]));
  redis.resume();
  const answers = await Promise.all(Array.from({ length: 50 }, (_, id) => get(`/patient/page?id=${id}`)));
  for (const [id, { values }] of answers.entries()) assert.equal(values[2], `${id}:2`);
  assert.deepEqual(complaints(), []);
});

test("init() and status() tell how Redis is behind the object", async (t) => {
  const { get } = await start(t);
  const good = await get("/module/init");
  assert.equal(good.before, "idle");
  assert.deepEqual([good.status.state, good.isReady, good.isOpen], ["ready", true, true]);
  const denied = await get("/denied/init");
  assert.deepEqual([denied.status.state, denied.status.reason], ["disabled", "auth"], denied.status.message);
  const unset = await get("/unset/init");
  assert.deepEqual([unset.status.reason, unset.status.retryable], ["unconfigured", false]);
  assert.match(unset.status.message, /\/durable-object\/edgis: no Redis URL is configured/);
});

test("after wrong credentials an isolate asks when the object does, not half a minute after it was told", async (t) => {
  const { get } = await start(t);
  const first = (await get("/denied/init")).status;
  assert.ok(first.retryAt - first.since > 20_000, JSON.stringify(first));
  await sleep(1_500);
  // To the engine another target, of which nothing is known yet.
  const later = (await get("/denial/init")).status;
  assert.equal(later.reason, "auth");
  assert.ok(Math.abs(later.retryAt - first.retryAt) < 500, `${later.retryAt - first.retryAt} ms apart`);
  assert.doesNotMatch(first.message, /\/durable-object\/edgis: \/durable-object\/edgis/);
  assert.match((await get("/foreign/init")).status.hint, /the message says what to change/);
});

test("a binding that is not there is no mistake where there is a URL", async (t) => {
  const { get } = await start(t);
  assert.equal((await get("/otherwise/init")).status.state, "ready");
});

test("mistakes have a sentence each", async (t) => {
  const { get } = await start(t);
  const reasons = {
    missing: ["bad-option", /via is undefined: bind a class that extends RedisObject/],
    both: ["bad-option", /url is the object's to know/],
    foreign: ["runtime", /must extend RedisObject of edgis\/durable-object/],
    broken: ["object", /broken from the start/],
  };
  for (const [client, [reason, sentence]] of Object.entries(reasons)) {
    const { status } = await get(`/${client}/init`);
    assert.deepEqual([status.state, status.reason], ["disabled", reason], status.message);
    assert.match(status.message, sentence);
  }
});

test("Redis is killed behind the object and comes back", async (t) => {
  const { redis, get, calls, observer, complaints } = await start(t);
  assert.equal((await calls("module", [["SET", "k", "v"]])).values[0], "OK");
  observer.close();
  await redis.kill();
  const commands = [
    ["GET", "k"],
    ["INCR", "n"],
  ];
  const first = await calls("module", commands);
  for (const { kind, reason, sent, is } of first.values) {
    // Nothing was in flight: whoever comes now learns that nothing was sent, or nothing that counts.
    assert.deepEqual([kind, reason, sent, is], ["DisabledError", "unreachable", "no", true], JSON.stringify(first));
  }
  const others = await Promise.all(Array.from({ length: 30 }, () => calls("module", commands)));
  for (const { values, milliseconds, status } of others) {
    assert.deepEqual([status.state, status.reason], ["disabled", "unreachable"]);
    for (const { kind, sent, cause } of values)
      assert.deepEqual([kind, sent, cause], ["DisabledError", "no", "ConnectError"]);
    assert.ok(milliseconds < 1_000, `${milliseconds} ms`);
  }
  const waiting = calls("waits", [["PING"]], { timeout: 10_000 });
  await redis.restart();
  assert.equal((await waiting).values[0], "PONG");
  assert.ok(await until(async () => (await calls("module", [["PING"]])).values[0] === "PONG"));
  const all = await Promise.all(Array.from({ length: 20 }, (_, id) => get(`/module/page?id=${id}`)));
  for (const [id, { values }] of all.entries()) assert.equal(values[0], `${id}:0`);
  const again = await observe(redis);
  assert.equal((await again.others()).length, 1);
  again.close();
  assert.deepEqual(complaints(), []);
});

test("Redis hangs behind the object: deadlines hold, and it is found again", async (t) => {
  const { redis, calls, complaints } = await start(t);
  await calls("module", [["PING"]]);
  redis.pause();
  const [hung, short] = await Promise.all([
    calls("module", [
      ["GET", "k"],
      ["INCR", "n"],
    ]),
    calls("module", [["GET", "k"]], { timeout: 100 }),
  ]);
  // A read is tried again where the object is asked anew, and that finds that Redis is away.
  for (const { kind, sent } of hung.values)
    assert.deepEqual([/Timeout|Disabled/.test(kind), sent], [true, "maybe"], JSON.stringify(hung));
  assert.deepEqual([hung.values[1].kind, hung.values[1].phase], ["TimeoutError", "reply"]);
  assert.ok(hung.milliseconds < 3_000, `${hung.milliseconds} ms`);
  assert.equal(short.values[0].kind, "TimeoutError");
  assert.ok(short.milliseconds < 1_000, `${short.milliseconds} ms`);
  redis.resume();
  assert.ok(await until(async () => (await calls("module", [["PING"]])).values[0] === "PONG"));
  assert.deepEqual(complaints(), []);
});

test("a call outlasts the object's own deadlines when its caller wants that", async (t) => {
  const { calls } = await start(t, { args: ["--enable-debug-command", "local"] });
  const { values } = await calls("module", [["DEBUG", "SLEEP", "2.5"]], { timeout: 20_000 });
  assert.deepEqual(values, ["OK"]);
});

test("an AbortSignal ends a call at once", async (t) => {
  const { get, observer } = await start(t, { args: ["--enable-debug-command", "local"] });
  const { message, milliseconds, never } = await get("/module/abort");
  assert.deepEqual([message, never], ["enough", "no"]);
  assert.ok(milliseconds < 300, `${milliseconds} ms`);
  assert.equal(await observer.ask("GET", "aborted"), null);
});

test("an object that hangs or breaks leaves nobody waiting", async (t) => {
  const { calls, observer, complaints } = await start(t);
  const hung = await calls("hung", [
    ["GET", "k"],
    ["INCR", "n"],
  ]);
  for (const { kind, reason, sent } of hung.values)
    assert.deepEqual([kind, reason, sent], ["DisabledError", "timeout", "no"]);
  assert.ok(hung.milliseconds < 3_000, `${hung.milliseconds} ms`);
  const broken = await calls("broken", [["INCR", "n"]]);
  assert.deepEqual([broken.values[0].reason, broken.values[0].sent], ["object", "no"]);
  // It broke when they were executed: reads are tried again, and fail in the end; nobody knows of the other.
  const middle = await calls("breaks", [
    ["INCR", "n"],
    ["GET", "n"],
  ]);
  assert.deepEqual([middle.values[0].kind, middle.values[0].sent], ["ConnectionLostError", "maybe"]);
  assert.ok(["ConnectionLostError", "DisabledError"].includes(middle.values[1].kind), middle.values[1].message);
  assert.equal(await observer.ask("GET", "n"), "1", "it was executed once");
  assert.deepEqual(complaints(), []);
});
