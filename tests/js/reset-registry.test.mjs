// edgis/testing: resetRegistry() between two tests. Nothing stays pending, nothing is unhandled, and clients go on.
import assert from "node:assert/strict";
import test from "node:test";
import { createClient, isRedisError } from "edgis";
import { faultProxy, resetRegistry, startRedis } from "edgis/testing";
import { observe } from "./observer.mjs";
import { answer } from "./programs.mjs";

const logger = false;
const caught = (promise) =>
  promise.then(
    (value) => value,
    (error) => error,
  );

async function both(t) {
  const server = await startRedis();
  const observer = await observe(server);
  const proxy = await faultProxy(server.url);
  t.after(async () => {
    observer.close();
    await proxy.close();
    await server.stop();
  });
  return { server, observer, proxy };
}

test("an outage and its backoff are forgotten, and clients of before work on, over one connection", async (t) => {
  const { observer, proxy } = await both(t);
  const clients = Array.from({ length: 3 }, () =>
    createClient({ url: proxy.url, logger, retry: { base: "1h", cap: "1h" } }),
  );
  t.after(() => Promise.all(clients.map((client) => client.close())));
  const [client] = clients;
  await client.incr("n");
  await proxy.down();
  while ((await client.init()).state !== "disabled") await new Promise(setImmediate);
  await proxy.heal();
  assert.equal((await caught(client.get("n"))).kind, "DisabledError", "the backoff of an hour has begun");
  resetRegistry();
  assert.deepEqual([client.status().state, client.status().attempts, client.isOpen], ["idle", 0, false]);
  const { dials, commands, joins, crossings } = client.stats();
  assert.deepEqual([dials, commands, joins], [0, 0, 0]);
  assert.ok(crossings > 0);
  assert.deepEqual(await Promise.all(clients.map((each) => each.get("n"))), ["1", "1", "1"]);
  await observer.othersBecome(1);
  assert.equal(client.stats().dials, 1);
  assert.equal((await client.bytes.get("n")).length, 1);
});

test("what is pending rejects, whatever it waits for; connection promises resolve", async (t) => {
  const { server, proxy } = await both(t);
  const client = createClient({ url: proxy.url, logger });
  const waiting = createClient({ url: proxy.url, logger, id: "other", offline: "wait", timeouts: { connect: "1h" } });
  t.after(() => Promise.all([client.close(), waiting.close()]));
  await client.ping();
  server.pause();
  await proxy.script({ toServer: { do: "drop" } });
  const written = [client.get("k"), client.incr("n"), client.set("large", "x".repeat(1_000_000))].map(caught);
  await new Promise(setImmediate);
  const staged = [client.get("k"), client.incr("n")].map(caught);
  const dialling = [waiting.incr("n"), waiting.get("k")].map(caught);
  const promised = waiting.init();
  const connecting = waiting.connect();
  const ready = caught(waiting.ready({ timeout: 300 }));
  await new Promise((resolve) => setTimeout(resolve, 50));
  resetRegistry();
  for (const error of await Promise.all([...written, ...staged, ...dialling])) {
    assert.deepEqual([error.kind, error.reason, error.sent], ["ConnectionLostError", "closed", "maybe"]);
    assert.match(error.message, /resetRegistry\(\)/);
    assert.ok(isRedisError(error));
  }
  assert.equal((await promised).state, "idle");
  assert.equal(await connecting, waiting);
  assert.equal((await ready).reason, "timeout", "it dials on, until its own time is over");
  assert.equal(client.stats().pending, 0);
  server.resume();
  await proxy.heal();
  assert.equal(await client.echo("back"), "back");
  assert.equal(await waiting.echo("back"), "back");
});

test("the server sees its connections close, and a client that is closing has closed", async (t) => {
  const { server, observer } = await both(t);
  const client = createClient({ url: server.url, logger });
  const other = createClient({ url: `${server.url}/1`, logger });
  await Promise.all([client.ping(), other.ping()]);
  await observer.othersBecome(2);
  server.pause();
  const lost = caught(client.incr("n"));
  const closing = client.close();
  resetRegistry();
  await closing;
  const { targets } = globalThis[Symbol.for("edgis.engine.1")];
  assert.deepEqual(
    [...targets.values()].filter(({ handles }) => handles === 0),
    [],
    "it is not begun anew",
  );
  assert.equal((await lost).kind, "ConnectionLostError");
  server.resume();
  await observer.othersBecome(0);
  assert.equal(client.status().state, "closed");
  assert.equal((await caught(client.get("k"))).reason, "closed");
  const fresh = createClient({ url: server.url, logger });
  assert.equal(await fresh.ping(), "PONG");
  assert.equal(fresh.stats().handles, 1);
  await fresh.close();
  await other.close();
  await observer.othersBecome(0);
});

test("misconfigured clients stay so, resets do not wear the core out, and listeners hear of the next dial", async (t) => {
  const { server } = await both(t);
  resetRegistry();
  const wrong = createClient({ url: "garbage", logger });
  assert.equal((await wrong.init()).reason, "bad-url");
  const client = createClient({ url: server.url, logger });
  t.after(() => client.close());
  const states = [];
  client.on("state", ({ state }) => states.push(state));
  for (let round = 0; round < 20; round += 1) {
    assert.equal(await client.ping(), "PONG", `round ${round}`);
    resetRegistry();
    resetRegistry();
    assert.equal((await caught(wrong.get("k"))).reason, "bad-url");
  }
  assert.equal((await wrong.init()).reason, "bad-url");
  assert.equal(states.filter((state) => state === "ready").length, 20);
});

test("nothing is unhandled and the process ends by itself, in any copy of the package", async (t) => {
  const { server } = await both(t);
  const { unhandled, uncaught, values } = await answer(
    `
    const { resetRegistry } = await import("edgis/testing");
    resetRegistry();
    const entry = new URL(import.meta.resolve("edgis")).pathname;
    const copies = await Promise.all(["a", "b"].map((copy) => import(entry + "?copy=" + copy)));
    const clients = copies.map(({ createClient }) => createClient({ url: process.env.URL_OF_TEST, logger: false }));
    for (const client of clients) { client.incr("n"); client.get("n"); }
    await null;
    resetRegistry();
    await clients[0].ping();
    for (const client of clients) { client.incr("n"); client.get("n"); }
    await new Promise(setImmediate);
    resetRegistry();
    const values = await Promise.all(clients.map((client) => client.echo("x")));
    await new Promise((resolve) => setTimeout(resolve, 100));
    console.log(JSON.stringify({ unhandled: __unhandled, uncaught: __uncaught, values }));
    `,
    { witnessed: true, env: { URL_OF_TEST: server.url } },
  );
  assert.deepEqual({ unhandled, uncaught, values }, { unhandled: 0, uncaught: 0, values: ["x", "x"] });
});
