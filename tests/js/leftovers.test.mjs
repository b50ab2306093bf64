// What a client leaves behind: nothing when it is closed, and while it is open nothing of those who used it.
import assert from "node:assert/strict";
import test from "node:test";
import { freePort, startRedis } from "edgis/testing";
import { answer } from "./programs.mjs";

let server;
test.before(async () => {
  server = await startRedis();
});
test.after(() => server.stop());

const told = async (source, options = {}) => {
  const env = { REDIS_URL: server.url, NOBODY: `redis://127.0.0.1:${await freePort()}` };
  const { stderr, ...ended } = await answer(
    `import { createClient } from "edgis";
     import { AsyncLocalStorage } from "node:async_hooks";
     import { setTimeout as sleep } from "node:timers/promises";
     const { REDIS_URL: url, NOBODY: nobody } = process.env;
     const logger = { info() {}, warn() {} };
     const told = {};
     ${source}
     console.log(JSON.stringify(told));`,
    { env, witnessed: true, ...options },
  );
  assert.equal(stderr, "");
  return ended;
};

test("a client that is closed leaves no timer and no socket, whatever it was doing", async () => {
  const ended = await told(`
    const first = createClient({ url, logger: false });
    first.status();
    const { runtime } = globalThis[Symbol.for("edgis.engine.1")];
    await first.close();
    const live = new Set();
    const { setTimer } = runtime;
    runtime.setTimer = (act, milliseconds) => {
      const timer = setTimer(() => { live.delete(timer); act(); }, milliseconds);
      live.add(timer);
      return { hold: (alive) => timer.hold(alive), clear: () => { live.delete(timer); timer.clear(); } };
    };
    const acts = {
      "a command": { url, act: (redis) => redis.ping() },
      "a logger": { url, logger, act: (redis) => redis.ping() },
      "init": { url, act: (redis) => redis.init() },
      "nothing": { url, act: () => {} },
      "refused": { url: nobody, logger, act: (redis) => redis.init() },
      "ready": { url, act: (redis) => redis.ready() },
      "large": { url, act: (redis) => Promise.all(Array.from({ length: 10 }, () => redis.set("k", "x".repeat(1 << 20)))) },
      "many": { url, act: (redis) => Promise.all(Array.from({ length: 1_000 }, () => redis.ping())) },
      "idle": { url, idleTimeout: "30s", act: (redis) => redis.ping() },
      "pending": { url, act: (redis) => void redis.ping() },
    };
    for (const [name, { act, ...options }] of Object.entries(acts)) {
      const redis = createClient({ logger: false, timeouts: { command: "20s" }, ...options });
      await act(redis);
      await redis.close();
      if (live.size > 0) told[name] = live.size;
      live.clear();
    }
  `);
  assert.deepEqual(ended, {});
});

test("a link keeps nothing of the context in which it was dialled, and listeners run in none but that of use", async () => {
  const { contexts, ...rest } = await told(
    `const context = new AsyncLocalStorage();
     const redis = createClient({ url, logger: false });
     told.contexts = [];
     redis.on("state", ({ state }) => told.contexts.push(state + " " + (context.getStore()?.name ?? "none")));
     redis.on("use", () => told.contexts.push("use " + context.getStore()?.name));
     let collected = 0;
     const registry = new FinalizationRegistry(() => { collected += 1; });
     await (async () => {
       const store = { name: "first", held: new Uint8Array(1 << 20) };
       registry.register(store, 1);
       await context.run(store, async () => {
         await redis.set("k", "v");
         told.kept = context.getStore()?.name;
       });
     })();
     for (let i = 0; i < 200 && collected === 0; i += 1) {
       await sleep(10);
       (globalThis.gc ?? (() => Bun.gc(true)))();
       await context.run({ name: "later" }, () => redis.ping());
     }
     told.collected = collected;
     await redis.close();`,
    { exposeGc: true },
  );
  assert.deepEqual(rest, { kept: "first", collected: 1 });
  assert.ok(contexts.includes("use first") && contexts.includes("use later"), `${contexts}`);
  assert.ok(contexts.includes("ready none"), `${contexts}`);
});

test("a variable that may not be read keeps nobody from the other one", async () => {
  const refusing = (...names) => `
    const names = ${JSON.stringify(names)};
    const forbid = (name) => { throw new Error('Requires env access to "' + name + '"'); };
    process.env = new Proxy(process.env, { get: (env, name) => (names.includes(name) ? forbid(name) : env[name]) });`;
  const one = await told(`${refusing("REDIS_URI")} const redis = createClient({ logger });
    told.pong = await redis.ping();
    await redis.close();`);
  assert.deepEqual(one, { pong: "PONG" });
  const both = await told(`${refusing("REDIS_URI", "REDIS_URL")} const redis = createClient({ logger });
    const { reason, message } = await redis.init();
    Object.assign(told, { reason, message });
    told.given = await createClient({ url, logger }).ping();
    process.exitCode = 0;
    console.log(JSON.stringify(told));
    process.exit();`);
  assert.equal(both.reason, "bad-option");
  assert.match(both.message, /Requires env access to "REDIS_URI"; or pass url/);
  assert.equal(both.given, "PONG");
});
