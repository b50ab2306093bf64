// Whatever swallows all bytes: every method that gives a promise settles it, in its time, before and after a link was ready.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import test from "node:test";
import { createClient } from "edgis";
import { createCache } from "edgis/cache";
import { faultProxy, startRedis } from "edgis/testing";

const logger = false;
const timeouts = { connect: 300, command: 200 };
/** A read may be sent three times, and the machine may be busy. */
const LIMIT = 3 * (timeouts.connect + timeouts.command) + 3_000;
const drop = { toServer: { do: "drop" }, toClient: { do: "drop" } };

/** What a method is called with, where two texts make no sense. */
const argumentsOf = {
  call: ["SET", "k", "v"],
  ready: [{ timeout: 500 }],
  with: [{}],
  on: ["state", () => {}],
  off: ["state", () => {}],
};
/** Ours, not for callers; and those that end a client are called last. */
const internal = new Set(["constructor", "send", "send1", "send2", "callAll", "changed"]);
const last = ["close"];

function methodsOf(client) {
  const names = new Set();
  for (let proto = Object.getPrototypeOf(client); proto !== Object.prototype; proto = Object.getPrototypeOf(proto)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(proto)))
      if (typeof value === "function" && !internal.has(name)) names.add(name);
  }
  return [...names].filter((name) => !last.includes(name));
}

/** Calls everything that a client can do; what gives a promise, by name. */
function callAll(client, names, promises = new Map(), prefix = "") {
  for (const name of names) {
    const given = client[name](...(argumentsOf[name] ?? ["a", "b"]));
    if (typeof given?.then === "function") promises.set(prefix + name, given);
  }
  return promises;
}

/** Waits for all of them; what never settled, or settled too late. */
async function settleAll(promises) {
  const start = performance.now();
  const open = new Set(promises.keys());
  let longest = 0;
  const settled = [...promises].map(([name, promise]) =>
    promise
      .catch((error) => assert.ok(error.kind !== undefined || error.name === "AbortError", `${name}: ${error.stack}`))
      .finally(() => {
        open.delete(name);
        longest = Math.max(longest, performance.now() - start);
      }),
  );
  let limit;
  const late = new Promise((resolve) => {
    limit = setTimeout(resolve, LIMIT);
  });
  await Promise.race([Promise.all(settled), late]);
  clearTimeout(limit);
  assert.deepEqual([...open], [], `they did not settle within ${LIMIT} ms`);
  return longest;
}

/** Everything at once, in every form that a handle can have. */
async function everything(t, client) {
  const names = methodsOf(client);
  assert.ok(names.length > 130, `${names.length} methods`);
  const controller = new AbortController();
  const forms = {
    "": client,
    "bytes.": client.bytes,
    "wait.": client.with({ offline: "wait" }),
    "timeout.": client.with({ timeout: 100 }),
    "signal.": client.with({ signal: controller.signal }),
  };
  const promises = new Map();
  for (const [prefix, form] of Object.entries(forms)) callAll(form, names, promises, prefix);
  setTimeout(() => controller.abort(), 50);
  const longest = await settleAll(promises);
  t.diagnostic(`${promises.size} promises, the last after ${Math.round(longest)} ms`);
  assert.equal(client.stats().pending, 0);
  // And once more with nothing but what ends clients behind it.
  const ending = callAll(client, ["get", "set", "init"]);
  ending.set("bytes.get", client.bytes.get("a"));
  ending.set("timeout.close({ drain })", forms["timeout."].close({ drain: 100 }));
  ending.set("wait.close", forms["wait."].close());
  ending.set("close", client.close());
  ending.set("dispose", client[Symbol.asyncDispose]());
  await settleAll(ending);
  assert.equal(client.status().state, "closed");
}

async function places(t) {
  const server = await startRedis();
  const proxy = await faultProxy(server.url);
  t.after(async () => {
    await proxy.close();
    await server.stop();
  });
  return { server, proxy };
}

for (const offline of ["reject", "wait"]) {
  test(`a black hole from the start settles every promise; offline: ${offline}`, async (t) => {
    const { proxy } = await places(t);
    await proxy.script(drop);
    await everything(t, createClient({ url: proxy.url, logger, timeouts, offline }));
  });

  test(`a link that becomes a black hole settles every promise; offline: ${offline}`, async (t) => {
    const { proxy } = await places(t);
    const client = createClient({ url: proxy.url, logger, timeouts, offline });
    await client.ping();
    await proxy.script(drop);
    proxy.strike(drop);
    await everything(t, client);
  });
}

test("a server that is frozen, and one that reads no more, settle every promise", async (t) => {
  const { server, proxy } = await places(t);
  const frozen = createClient({ url: server.url, logger, timeouts });
  await frozen.ping();
  server.pause();
  await everything(t, frozen);
  server.resume();
  const unread = createClient({ url: proxy.url, logger, timeouts });
  await unread.ping();
  const stalled = { toServer: { do: "stall" } };
  await proxy.script(stalled);
  proxy.strike(stalled);
  for (let i = 0; i < 100; i += 1) unread.set("k", "v".repeat(1_000_000));
  await everything(t, unread);
});

test("a TLS handshake, a resolver and a credentials function that never answer settle every promise", async (t) => {
  const { proxy } = await places(t);
  await proxy.script(drop);
  await everything(t, createClient({ url: proxy.url.replace("redis:", "rediss:"), logger, timeouts }));
  const credentials = () => new Promise(() => {});
  await everything(t, createClient({ url: proxy.url, logger, timeouts, credentials }));
  const dns = process.getBuiltinModule("node:dns/promises");
  t.mock.method(dns, "lookup", () => new Promise(() => {}));
  await everything(t, createClient({ url: "redis://never.test", logger, timeouts }));
});

/** What every method of a cache is called with. */
const ofCaches = {
  getOrSet: ["k", () => "loaded"],
  wrap: [() => "loaded", { key: () => "wrapped" }],
  get: ["k"],
  getMany: [["k", "l"]],
  set: ["k", "v", { tags: ["t"] }],
  setMany: [[["k", "v"]]],
  delete: ["k"],
  deleteByTag: ["t"],
  clear: [],
};
const ofNoPromise = ["constructor", "stats", "on", "off"];

/** All calls of a cache that give a promise, by name. */
const called = (cache, prefix = "") =>
  Object.entries(ofCaches).map(([name, args]) => [
    prefix + name,
    () => (name === "wrap" ? cache.wrap(...args)() : cache[name](...args)),
  ]);

for (const wasReady of [false, true]) {
  test(`a cache ${wasReady ? "whose link becomes" : "in front of"} a black hole settles every promise`, async (t) => {
    const { proxy } = await places(t);
    const client = createClient({ url: proxy.url, logger, timeouts });
    const options = { client, namespace: "app", ttl: "1m" };
    const caches = { "": createCache(options), "l1.": createCache({ ...options, namespace: "near", l1: true }) };
    const names = Object.getOwnPropertyNames(Object.getPrototypeOf(caches[""]));
    assert.deepEqual(
      names.filter((name) => !Object.hasOwn(ofCaches, name)).toSorted(),
      ofNoPromise.toSorted(),
      "all are known",
    );
    if (wasReady) for (const cache of Object.values(caches)) await cache.getOrSet("k", () => "before");
    await proxy.script(drop);
    proxy.strike(drop);
    // Together, and then each by itself: what one of them found out spares the others the wait.
    const all = Object.entries(caches).flatMap(([prefix, cache]) => called(cache, prefix));
    const longest = await settleAll(new Map(all.map(([name, call]) => [name, call()])));
    t.diagnostic(`${all.length} promises, the last after ${Math.round(longest)} ms`);
    const each = called(caches[""]);
    for (const [name, call] of each) await settleAll(new Map([[name, call()]]));
    assert.ok(["before", "loaded"].includes(await caches[""].getOrSet(...ofCaches.getOrSet)));
    await settleAll(new Map([["close", client.close({ drain: 200 })]]));
    // Of a client that is closed it is all the same.
    await settleAll(new Map(each.map(([name, call]) => [name, call()])));
  });
}

test("the proxy and the server of a test settle every promise, whatever they hold up", async (t) => {
  const { server, proxy } = await places(t);
  const client = createClient({ url: proxy.url, logger, timeouts });
  await client.ping();
  const modes = ["hang", "down", "acceptThenClose", "reset", "heal"];
  for (const stuck of [drop, { toServer: { do: "stall" }, toClient: { do: "stall" } }]) {
    await proxy.script(stuck);
    proxy.strike(stuck);
    client.set("k", "v".repeat(1_000_000));
    for (const mode of modes) await settleAll(new Map([[mode, proxy[mode]()]]));
    await settleAll(new Map([["slow", proxy.slow(1_000)]]));
  }
  server.pause();
  const second = await faultProxy(server.url);
  const onSecond = createClient({ url: second.url, logger, timeouts, share: false });
  await onSecond.init();
  await settleAll(new Map([["proxy.close", second.close()]]));
  for (const name of ["kill", "restart", "stop"]) {
    await settleAll(new Map([[name, server[name]()]]));
    server.pause();
  }
  await Promise.all([client.close(), onSecond.close()]);
});

/** An address where not even a connection comes about: the kernel drops what its queue has no room for. */
async function swallowing(t) {
  const source = `require("net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, function () {
    console.log(this.address().port);
  });`;
  const child = spawn(process.execPath, ["-e", source], { stdio: ["ignore", "pipe", "inherit"] });
  const sockets = [];
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    child.kill("SIGKILL");
  });
  const [port] = await once(child.stdout, "data");
  // It accepts no more, so its queue fills up.
  child.kill("SIGSTOP");
  for (let i = 0; i < 20; i += 1) {
    const socket = connect({ host: "127.0.0.1", port: Number(port) });
    socket.on("error", () => {});
    sockets.push(socket);
    const connected = once(socket, "connect").then(() => true);
    if (!(await Promise.race([connected, new Promise((resolve) => setTimeout(resolve, 300))]))) return Number(port);
  }
  return undefined;
}

test("an address to which no connection comes about settles every promise", async (t) => {
  const port = await swallowing(t);
  if (port === undefined) return t.skip("this kernel's queues take everything");
  const client = createClient({ url: `redis://127.0.0.1:${port}`, logger, timeouts });
  const status = await client.init();
  assert.deepEqual([status.state, status.reason], ["disabled", "timeout"]);
  await everything(t, client);
});
