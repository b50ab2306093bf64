// With `stacks` the stack of an error names the line that called the command, whichever way that went.
import assert from "node:assert/strict";
import test from "node:test";
import { startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";
import { scripted } from "./peers.mjs";
import { answer } from "./programs.mjs";

let server;
test.before(async () => {
  server = await startRedis();
});
test.after(() => server.stop());

function client(t, options) {
  const made = createClient({ url: server.url, logger: false, share: false, stacks: true, ...options });
  t.after(() => made.close({ drain: 0 }));
  return made;
}

const caught = (promise) => promise.then(assert.fail, (error) => error);

async function callsByName(redis) {
  return caught(redis.get("list"));
}

test("errors of the server, of calls, of deadlines and of links name their caller", async (t) => {
  const redis = client(t);
  await redis.rpush("list", "a");
  const calls = {
    get: () => callsByName(redis),
    set: async function callsByName() {
      return caught(redis.set("list", "b", "NX", "XX"));
    },
    two: async function callsByName() {
      return caught(redis.hget("list", "a"));
    },
    call: async function callsByName() {
      return caught(redis.call("NOSUCH"));
    },
    refused: async function callsByName() {
      return caught(redis.call("SUBSCRIBE", "x"));
    },
    usage: async function callsByName() {
      return caught(redis.set("k", null));
    },
    bytes: async function callsByName() {
      return caught(redis.bytes.get("list"));
    },
    late: async function callsByName() {
      return caught(redis.with({ timeout: 20 }).call("BLPOP", "none", 5));
    },
    signal: async function callsByName() {
      return caught(redis.with({ signal: new AbortController().signal }).get("list"));
    },
  };
  for (const [name, call] of Object.entries(calls)) {
    const error = await call();
    assert.match(error.stack, /callsByName.*stacks\.test\.mjs/, `${name}: ${error.stack}`);
    // That of a mistake is made by the runtime itself.
    if (name !== "usage") assert.ok(error.stack.startsWith(`${error.name}: ${error.message}`), name);
    assert.equal(Object.keys(error).includes("stack"), false);
  }
  const plain = client(t, { stacks: false });
  assert.doesNotMatch((await callsByName(plain)).stack, /callsByName/);
  assert.match((await callsByName(plain.with({ stacks: true }))).stack, /callsByName/);
  assert.doesNotMatch((await callsByName(redis.with({ stacks: false }))).stack, /callsByName/);
});

test("a link that dies under several callers names each", async (t) => {
  const mute = await scripted((args) => (args[0] === "INCR" ? "" : undefined));
  t.after(() => mute.close());
  const redis = client(t, { url: mute.url });
  await redis.init();
  const first = async function callsFirst() {
    return caught(redis.incr("a"));
  };
  const second = async function callsSecond() {
    return caught(redis.incr("b"));
  };
  const all = [first(), second()];
  await new Promise((resolve) => setTimeout(resolve, 20));
  for (const socket of mute.sockets) socket.destroy();
  const [a, b] = await Promise.all(all);
  assert.deepEqual([a.kind, b.kind], ["ConnectionLostError", "ConnectionLostError"]);
  assert.match(a.stack, /callsFirst/);
  assert.match(b.stack, /callsSecond/);
});

test("what nobody need listen for is no unhandled rejection with it either, and a mistake still is one", async () => {
  const ended = await answer(
    `import { createClient } from "edgis";
     const redis = createClient({ url: "redis://127.0.0.1:1", logger: false, stacks: true });
     redis.set("k", "v");
     await redis.get("k").catch(() => {});
     const served = createClient({ url: process.env.REDIS_URL, logger: false, stacks: true });
     served.call("NOSUCH");
     await served.ping();
     await served.close();
     await new Promise(setImmediate);
     console.log(JSON.stringify({ unhandled: globalThis.__unhandled, odd: createClient({ url: "redis://x", stacks: 1, logger: false }).status().message }));`,
    { env: { REDIS_URL: server.url }, witnessed: true },
  );
  assert.equal(ended.unhandled, 1);
  assert.match(ended.odd, /stacks must be true or false/);
});
