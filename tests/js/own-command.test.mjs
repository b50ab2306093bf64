// Whatever a reply contains, and whatever a user's own code does: it costs the command that it belongs to, and nobody else.
// Each test in a process of its own, since some of them change what everybody shares.
import assert from "node:assert/strict";
import test from "node:test";
import { startRedis } from "edgis/testing";
import { answer } from "./programs.mjs";

let server;
test.before(async () => {
  server = await startRedis();
});
test.after(() => server.stop());

/** Runs a program whose value is what it puts into `told`. */
const told = async (source) => {
  const { stderr, ...ended } = await answer(
    `import { createClient } from "edgis";
     import { setTimeout as sleep } from "node:timers/promises";
     const engine = () => globalThis[Symbol.for("edgis.engine.1")];
     const caught = (promise) => promise.then((value) => value, (error) => error);
     const url = process.env.REDIS_URL;
     const told = {};
     ${source}
     told.unhandled = globalThis.__unhandled;
     told.uncaught = globalThis.__uncaught;
     told.deaths = engine()?.deaths.length ?? 0;
     console.log(JSON.stringify(told));
     process.exit();`,
    { env: { REDIS_URL: server.url }, witnessed: true },
  );
  assert.equal(stderr, "");
  return ended;
};
const quiet = { unhandled: 0, uncaught: 0, deaths: 0 };

test("keys of maps may be anything: aggregates, integers beyond a double's, null", async () => {
  const { texts, ...rest } = await told(`
    const redis = createClient({ url, logger: false });
    const big = redis.with({ integers: "bigint" });
    const script = (key) => "redis.setresp(3); local m = {}; m[" + key + "] = 'x'; return { map = m }";
    told.texts = [];
    for (const client of [redis, big]) {
      for (const key of ["{1, 2}", "{1152921504606846976}", "1", "true", "{map = {a = {1}}}"]) {
        told.texts.push(Object.keys(await client.call("EVAL", script(key), 0))[0]);
      }
    }
  `);
  const keys = ["[1,2]", '["1152921504606846976"]', "1", "true", '{"a":[1]}'];
  assert.deepEqual(texts, [...keys, '["1","2"]', '["1152921504606846976"]', "1", "true", '{"a":["1"]}']);
  assert.deepEqual(rest, quiet);
});

for (const [how, change, restore] of [
  ["frozen", "Object.freeze(Object.prototype); Object.freeze(Array.prototype);", ""],
  [
    "polluted",
    `const names = ["constructor", "toString", "polluted", "name"];
     const before = names.map((name) => Object.getOwnPropertyDescriptor(Object.prototype, name));
     const set = () => { throw new Error("of the test"); };
     for (const name of names) Object.defineProperty(Object.prototype, name, { get: () => "x", set, configurable: true });`,
    `names.forEach((name, i) => {
       delete Object.prototype[name];
       if (before[i] !== undefined) Object.defineProperty(Object.prototype, name, before[i]);
     });`,
  ],
]) {
  test(`whoever chooses the fields of a hash ends nothing where prototypes are ${how}`, async () => {
    const ended = await told(`
      const [three, two] = [createClient({ url, logger: false }), createClient({ url, logger: false, protocol: 2 })];
      const fields = ["constructor", "toString", "__proto__", "name", "polluted", "valueOf"];
      await three.del("h");
      await three.hset("h", fields.flatMap((field) => [field, "of " + field]));
      await two.ping();
      ${change}
      told.right = [];
      for (const client of [three, two]) {
        const hash = await caught(client.hgetall("h"));
        told.right.push(fields.every((field) => Object.getOwnPropertyDescriptor(hash, field)?.value === "of " + field));
      }
      ${restore}
    `);
    assert.deepEqual(ended, { ...quiet, right: [true, true] });
  });
}

test("a reply of which no value can be made fails its command; its neighbours in the chunk and the link live", async () => {
  const ended = await told(`
    const redis = createClient({ url, logger: false });
    await redis.mset("a", "A", "b", "B", "large", "L".repeat(300_000));
    const { runtime } = engine();
    const { allocate } = runtime;
    // Large values, and large ones within others.
    const shows = (value) => value?.kind === undefined ? Buffer.from(value).toString() : [value.kind, value.sent, value.command, value.cause.name].join(" ");
    runtime.allocate = () => { throw new RangeError("Array buffer allocation failed"); };
    const all = [["GET", "a"], ["GET", "large"], ["MGET", "a", "large", "b"], ["GET", "b"], ["ECHO", "after"]];
    told.values = (await Promise.all(all.map((command) => caught(redis.bytes.call(...command))))).map(shows);
    runtime.allocate = allocate;
    told.after = (await redis.bytes.get("large")).length;
    told.dials = redis.stats().dials;
  `);
  const failed = (command) => `InternalError yes ${command} RangeError`;
  const values = ["A", failed("GET"), failed("MGET"), "B", "after"];
  assert.deepEqual(ended, { ...quiet, values, after: 300_000, dials: 1 });
});

test("memory that runs out while a value grows fails the command", async () => {
  const ended = await told(`
    const redis = createClient({ url, logger: false, timeouts: { command: "20s" } });
    await redis.call("SETRANGE", "grows", (40 << 20) - 1, "x");
    const { runtime } = engine();
    const { allocate } = runtime;
    let taken = 0;
    runtime.allocate = (length) => {
      taken += 1;
      if (length > 16 << 20) throw new RangeError("Array buffer allocation failed");
      return allocate(length);
    };
    const [error, pong] = await Promise.all([caught(redis.bytes.get("grows")), redis.ping()]);
    Object.assign(told, { kind: error.kind, sent: error.sent, pong, taken });
    runtime.allocate = allocate;
    told.length = (await redis.bytes.get("grows")).length;
    told.dials = redis.stats().dials;
  `);
  assert.deepEqual(ended, {
    ...quiet,
    kind: "InternalError",
    sent: "yes",
    pong: "PONG",
    taken: 2,
    length: 40 << 20,
    dials: 1,
  });
});

test("an argument that cannot be written for want of memory costs its link, and a redial", async () => {
  const ended = await told(`
    const redis = createClient({ url, logger: false });
    await redis.ping();
    const [link] = engine().links.values();
    link.stream.write = () => { throw new RangeError("Array buffer allocation failed"); };
    told.kind = (await caught(redis.set("w", "v"))).kind;
    told.after = await redis.set("w", "w");
  `);
  assert.deepEqual(ended, { ...quiet, kind: "ConnectionLostError", after: "OK" });
});

test("a core that died too often is tried again after a pause, which grows", async () => {
  const ended = await told(`
    const trap = () => engine().enter(engine().here(), undefined, (core) => core.calls.trap());
    const redis = createClient({ url, logger: false });
    const die = async () => {
      do { await redis.init(); trap(); } while (!engine().isDown);
      const { state, reason, retryable, retryAt } = redis.status();
      return [state, reason, retryable, Math.round((retryAt - Date.now()) / 1000)].join(" ");
    };
    told.down = [await die()];
    const other = createClient({ url: url + "/1", logger: false });
    const brief = createClient({ url: url + "/2", logger: false });
    told.away = [(await caught(redis.get("k"))).reason, (await other.init()).reason, redis.isReady, brief.status().reason];
    await brief.close();
    engine().downUntil = 0;
    told.back = [await redis.set("k", "v"), await other.ping(), redis.isReady, (await redis.init()).state];
    told.targets = engine().targets.size;
    told.down.push(await die());
    engine().downUntil = 0;
    // Whoever asks brings it back, without a command.
    told.asked = redis.isReady;
    while (!redis.isReady) await sleep(5);
    told.fresh = (await createClient({ url, logger: false, share: false }).init()).state;
    engine().deaths.length = 0;
  `);
  assert.deepEqual(ended, {
    ...quiet,
    down: ["disabled internal true 5", "disabled internal true 10"],
    away: ["internal", "internal", false, "internal"],
    back: ["OK", "PONG", true, "ready"],
    targets: 2,
    asked: false,
    fresh: "ready",
  });
});

test("loggers and listeners that fail in any way, also later, are nobody else's business", async () => {
  const ended = await told(`
    const bare = Object.create(null);
    const fails = [
      () => { throw new Error("thrown"); },
      () => { throw bare; },
      () => { throw undefined; },
      async () => { throw new Error("rejected"); },
      async () => { throw bare; },
      () => ({ then: () => { throw new Error("thenable"); } }),
      () => ({ get then() { throw new Error("getter"); } }),
      () => ({ then: (_, reject) => reject(bare) }),
    ];
    told.states = [];
    for (const fail of fails) {
      const redis = createClient({ url: "redis://127.0.0.1:1", logger: { info: fail, warn: fail }, share: false });
      redis.on("state", fail).on("use", fail).on("state", () => told.states.push(redis.status().state));
      await caught(redis.get("k"));
      await sleep(60);
      await redis.close();
    }
    told.all = told.states.filter((state) => state === "disabled").length >= fails.length;
    delete told.states;
    // What is no function is not called.
    const lines = [];
    const logger = { info: (line) => lines.push(line), warn: (line) => lines.push(line) };
    const redis = createClient({ url, logger });
    for (const odd of [undefined, null, "x", {}]) redis.on("state", odd);
    await redis.init();
    await redis.close();
    told.threw = lines.filter((line) => line.includes("threw")).length;
    told.said = lines.filter((line) => line.includes('on("state") needs a function')).length;
  `);
  assert.deepEqual(ended, { ...quiet, all: true, threw: 0, said: 4 });
});

test("a credentials function may use the client, close it, or give anything: it runs outside of the core", async () => {
  const ended = await told(`
    const other = createClient({ url, logger: false });
    await other.ping();
    const { enter } = engine();
    let depth = 0;
    let inside = 0;
    engine().enter = function (...args) {
      depth += 1;
      try { return enter.apply(this, args); } finally { depth -= 1; }
    };
    const acts = {
      other: async () => (await other.get("k"), { password: "" }),
      init: (made) => (made.client.init(), { password: "" }),
      ready: (made) => (made.client.isReady, { password: "" }),
      close: (made) => (made.client.close(), { password: "" }),
      bare: () => { throw Object.create(null); },
      nothing: () => { throw null; },
      thenable: () => ({ then() { throw new Error("x"); } }),
      getter: () => ({ get password() { throw new Error("getter"); } }),
      thrower: () => { throw { get message() { throw new Error("x"); } }; },
      never: () => new Promise(() => {}),
    };
    told.ends = {};
    for (const [name, act] of Object.entries(acts)) {
      const made = {};
      const credentials = () => { inside += depth; return act(made); };
      made.client = createClient({ url, logger: false, share: false, timeouts: { connect: 300 }, credentials });
      const value = await caught(made.client.set("k", "v"));
      told.ends[name] = value?.reason ?? value?.phase ?? value;
      await made.client.close();
    }
    told.inside = inside;
    told.other = await other.ping();
  `);
  const { ends, ...rest } = ended;
  assert.deepEqual(rest, { ...quiet, inside: 0, other: "PONG" });
  assert.deepEqual([ends.other, ends.init, ends.ready], ["OK", "OK", "OK"]);
  for (const name of ["bare", "nothing", "thenable", "getter", "thrower"])
    assert.equal(ends[name], "credentials", name);
  assert.equal(ends.never, "timeout");
  assert.ok(["closed", "OK", "credentials"].includes(ends.close), ends.close);
});

test("text longer than servers take, and a name longer than any, are mistakes of the call", async () => {
  const ended = await told(`
    const redis = createClient({ url, logger: false, timeouts: { connect: "20s", command: "60s" } });
    await redis.get("k");
    // Half a gibibyte and two bytes in UTF-8, a quarter of one here.
    const text = "\u00e9".repeat((256 << 20) + 1);
    const all = [redis.get(text), redis.set("k", text), redis.set(text, "v"), redis.call("ECHO", text), redis.mget(text, "k")];
    const long = [redis.call("X".repeat(257)), redis.send(["X".repeat(100_000), "k"])];
    const errors = await Promise.all([...all, ...long].map(caught));
    told.kinds = [...new Set(errors.map(({ kind, sent }) => kind + " " + sent))];
    told.shows = errors.map(({ message }) => /argument \\d is text of more than 512 MiB|more than the name of any command/.exec(message)?.[0].slice(0, 10));
    // Long, and not too long.
    told.fits = await redis.set("k", "x".repeat(200 << 20)).then(() => redis.strlen("k"));
    await redis.del("k");
    told.dials = redis.stats().dials;
  `);
  const shows = ["argument 1", "argument 2", "argument 1", "argument 1", "argument 1", "more than ", "more than "];
  assert.deepEqual(ended, { ...quiet, kinds: ["UsageError no"], shows, fits: 200 << 20, dials: 1 });
});
