// A hundred thousand commands that end at once: a link dies under them, their deadlines pass, the core dies. Each learns what
// became of it, and the event loop goes on meanwhile.
import assert from "node:assert/strict";
import test from "node:test";
import { createClient } from "./connect.mjs";
import { scripted } from "./peers.mjs";

const COUNT = 100_000;
/** More than this must not be settled before the event loop has a turn; a slow machine settles fewer in one. */
const IN_ONE_TURN = 20_000;

/** A server that answers the handshake and nothing else. */
const mute = () => scripted((args) => (args[0] === "INCR" ? "" : undefined));

/** Counts in how many turns of the event loop promises are settled, and how many in one of them at the most. */
function turns(promises) {
  let inThis = 0;
  const seen = { most: 0, turns: 0, errors: [] };
  const look = () => {
    if (inThis > 0) seen.turns += 1;
    seen.most = Math.max(seen.most, inThis);
    inThis = 0;
    if (seen.errors.length < promises.length) setImmediate(look);
  };
  setImmediate(look);
  for (const promise of promises) {
    promise.catch((error) => {
      inThis += 1;
      seen.errors.push(error);
    });
  }
  return Promise.allSettled(promises).then(() => seen);
}

/** A client with so many commands on its link. */
async function busy(t, options) {
  const server = await mute();
  t.after(() => server.close());
  const client = createClient({
    url: server.url,
    logger: false,
    share: false,
    timeouts: { command: "60s" },
    ...options,
  });
  t.after(() => client.close({ drain: 0 }));
  await client.init();
  const promises = Array.from({ length: COUNT }, (_, i) => client.incr(`k${i}`));
  await new Promise((resolve) => setImmediate(resolve));
  return { server, client, promises };
}

const kinds = (errors) => [...new Set(errors.map(({ kind, sent, command }) => `${kind} ${sent} ${command}`))].sort();
const isAllowed = (allowed, errors) =>
  assert.ok(
    kinds(errors).every((kind) => allowed.includes(kind)),
    `${kinds(errors)}`,
  );

test("a link that dies", async (t) => {
  const { server, client, promises } = await busy(t);
  const seen = turns(promises);
  for (const socket of server.sockets) socket.destroy();
  const { most, turns: count, errors } = await seen;
  assert.ok(most <= IN_ONE_TURN && count > 4, `${most} in one of ${count} turns`);
  // What was not written yet waits for the next link, and for its deadline.
  isAllowed(["ConnectionLostError maybe INCR"], errors);
  assert.equal(new Set(errors).size, COUNT, "each has an error of its own");
  const frames = errors.map(({ stack }) => stack.split("\n    at ").length - 1);
  assert.ok(Math.max(...frames.slice(0, 1_000)) <= 1, "the engine's frames tell nobody anything");
  assert.ok(new Error("of the test").stack.includes("many-rejections"), "other errors have theirs");
  assert.equal(client.stats().pending, 0);
});

test("deadlines that pass, while new commands are answered", async (t) => {
  const { client, promises } = await busy(t, { timeouts: { command: 2_500 } });
  const { most, errors } = await turns(promises);
  assert.ok(most <= IN_ONE_TURN, `${most} in one turn`);
  isAllowed(["TimeoutError maybe INCR", "ConnectionLostError maybe INCR"], errors);
  assert.equal(await client.ping(), "PONG");
});

test("a core that dies", async (t) => {
  const { client, promises } = await busy(t);
  const seen = turns(promises);
  const engine = globalThis[Symbol.for("edgis.engine.1")];
  engine.enter(engine.here(), undefined, (core) => core.calls.trap());
  // Numbers of commands are used again at once: nobody gets another's error.
  const next = Array.from({ length: 1_000 }, () => client.ping());
  const { most, errors } = await seen;
  assert.ok(most <= IN_ONE_TURN, `${most} in one turn`);
  isAllowed(["InternalError maybe INCR"], errors);
  assert.deepEqual(new Set(await Promise.all(next)), new Set(["PONG"]));
  engine.deaths.length = 0;
});

test("a client that is closed has rejected everything when close() resolves", async (t) => {
  const { client, promises } = await busy(t, { timeouts: { command: 2_000 } });
  let rejected = 0;
  for (const promise of promises) promise.catch(() => (rejected += 1));
  await client.close();
  assert.equal(rejected, COUNT);
});
