// The cold-start incident: however many imports, copies, handles and callers, there is one connection.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import test, { after, before, beforeEach } from "node:test";
import { startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";
import { observe } from "./observer.mjs";
import { answer, installedTwice } from "./programs.mjs";

const require = createRequire(import.meta.url);
const logger = false;
let server;
let observer;

before(async () => {
  server = await startRedis();
  observer = await observe(server);
});
after(async () => {
  observer.close();
  await server.stop();
});
beforeEach(() => observer.othersBecome(0));

test("1,000 concurrent init() and 1,000 commands from cold open exactly one connection", async () => {
  const before = await observer.accepted();
  const { url } = server;
  const clients = Array.from({ length: 1_000 }, () => createClient({ url, logger }));
  const states = clients.map((client) => client.init());
  const values = clients.map((client, i) => client.set(`cold:${i}`, i));
  assert.deepEqual(new Set((await Promise.all(states)).map((status) => status.state)), new Set(["ready"]));
  assert.deepEqual(new Set(await Promise.all(values)), new Set(["OK"]));
  assert.equal((await observer.accepted()) - before, 1);
  assert.equal((await observer.others()).length, 1);
  const stats = clients[0].stats();
  assert.equal(stats.dials, 1);
  assert.equal(stats.connects, 1);
  assert.equal(stats.handles, 1_000);
  assert.ok(stats.joins >= 999, `${stats.joins} joins`);
  await Promise.all(clients.map((client) => client.close()));
});

test("everybody gets THE connection promise, and connect() joins instead of complaining", async () => {
  const { url } = server;
  const [a, b] = [createClient({ url, logger }), createClient({ url, logger })];
  assert.equal(a.init(), b.init());
  assert.equal(await a.connect(), a);
  assert.equal(await a.connect(), a);
  assert.deepEqual(await Promise.all([a.connect(), b.connect(), a.ready()]), [a, b, a]);
  assert.equal(a.stats().dials, 1);
  assert.equal(a.isOpen && a.isReady && b.isOpen && b.isReady, true);
  await Promise.all([a.close(), b.close()]);
});

test("a target is the same however its URL is written", async () => {
  const { port } = server;
  const before = await observer.accepted();
  const urls = [
    `redis://127.0.0.1:${port}`,
    `REDIS://127.0.0.1:${port}/`,
    `redis://127.0.0.1:${port}/0`,
    `valkey://127.0.0.1:${port}?db=0`,
  ];
  const forms = [...urls, new URL(urls[0]), () => urls[1]].map((url) => createClient({ url, logger }));
  forms.push(createClient({ url: urls[0], db: 0, logger, offline: "wait", timeouts: { command: "3s" } }));
  await Promise.all(forms.map((client) => client.ping()));
  assert.equal((await observer.accepted()) - before, 1);
  assert.equal(forms[0].stats().handles, forms.length);
  await Promise.all(forms.map((client) => client.close()));
});

test("another database, name, protocol or id is another target; the same id is the same one", async () => {
  const { url } = server;
  const options = [{}, { db: 1 }, { name: "web" }, { protocol: 2 }, { id: "x" }, { id: "y" }, { id: "y", db: 3 }];
  const clients = options.map((other) => createClient({ url, logger, ...other }));
  await Promise.all(clients.map((client) => client.ping()));
  const others = await observer.others();
  assert.equal(others.length, 6);
  assert.deepEqual(others.map((other) => other.name).filter(Boolean), ["web"]);
  await Promise.all(clients.map((client) => client.close()));
});

test("share: false gives a link of one's own", async () => {
  const { url } = server;
  const clients = [{}, {}, { share: false }, { share: false }].map((other) => createClient({ url, logger, ...other }));
  await Promise.all(clients.map((client) => client.ping()));
  assert.equal((await observer.others()).length, 3);
  await clients[2].close();
  await observer.othersBecome(2);
  assert.deepEqual(await Promise.all([clients[0].ping(), clients[1].ping(), clients[3].ping()]), [
    "PONG",
    "PONG",
    "PONG",
  ]);
  await Promise.all(clients.map((client) => client.close()));
});

test("close() on one handle never closes another's link; the last one closes it", async () => {
  const { url } = server;
  const [a, b] = [createClient({ url, logger }), createClient({ url, logger })];
  const c = a.with({ timeouts: { command: "3s" } });
  await Promise.all([a.ping(), b.ping(), c.ping()]);
  const id = await b.clientId();
  await a.close();
  await a.close();
  await assert.rejects(a.get("k"), { kind: "DisabledError", reason: "closed" });
  assert.equal(a.status().state, "closed");
  assert.equal(a.isReady || a.isOpen, false);
  assert.equal((await a.init()).state, "closed");
  assert.equal(await b.clientId(), id);
  assert.equal(await c.clientId(), id);
  await b.close();
  assert.equal(await c.clientId(), id);
  await c.close();
  await observer.othersBecome(0);
});

test("close() drains what is pending, also what is still being staged or waits for the dial", async () => {
  const { url } = server;
  const warm = createClient({ url, logger, share: false });
  await warm.ping();
  const written = Array.from({ length: 100 }, (_, i) => warm.rpush("drained", i));
  await warm.close();
  assert.deepEqual(
    await Promise.all(written),
    Array.from({ length: 100 }, (_, i) => i + 1),
  );

  const cold = createClient({ url, logger, share: false });
  const set = cold.set("cold-close", "kept");
  await cold.close();
  assert.equal(await set, "OK");
  assert.equal(await observer.ask("GET", "cold-close"), "kept");
  await observer.othersBecome(0);
});

test("`await using` closes the handle at the end of its block", async () => {
  const client = createClient({ url: server.url, logger });
  await client.ping();
  await client[Symbol.asyncDispose]();
  assert.equal(client.status().state, "closed");
  await observer.othersBecome(0);
});

test("the ESM and the require()d package, and a module evaluated again, share the link", async () => {
  const before = await observer.accepted();
  const entry = new URL(import.meta.resolve("edgis")).pathname;
  const again = await Promise.all(Array.from({ length: 20 }, (_, i) => import(`${entry}?v=${i}`)));
  assert.notEqual(again[0].createClient, createClient);
  const makers = [createClient, require("edgis").createClient, ...again.map((module) => module.createClient)];
  const clients = makers.map((make) => make({ url: server.url, logger }));
  await Promise.all(clients.map((client, i) => client.set(`copy:${i}`, i)));
  assert.equal((await observer.accepted()) - before, 1);
  assert.equal(clients[0].stats().handles, clients.length);
  await Promise.all(clients.map((client) => client.close()));
});

test("two installed copies share the link, and know each other's errors", async (t) => {
  const folder = installedTwice(t);
  const before = await observer.accepted();
  const [a, b] = await Promise.all(["a", "b"].map((name) => import(`${folder}/${name}/index.mjs`)));
  assert.notEqual(a.createClient, b.createClient);
  const clients = [a, b].map(({ createClient }) => createClient({ url: server.url, logger }));
  await Promise.all(clients.map((client) => client.init()));
  assert.equal((await observer.accepted()) - before, 1);
  const error = await clients[1].call("NO-SUCH-COMMAND").catch((error) => error);
  for (const { isRedisError, RedisError, ReplyError, UsageError } of [a, b]) {
    assert.deepEqual(
      [isRedisError(error), error instanceof RedisError, error instanceof ReplyError],
      [true, true, true],
    );
    assert.deepEqual([error instanceof UsageError, new Error("x") instanceof RedisError], [false, false]);
    class Mine extends ReplyError {}
    assert.deepEqual([error instanceof Mine, new Mine("x") instanceof Mine], [false, true]);
  }
  await clients[0].close();
  assert.equal(await clients[1].ping(), "PONG");
  await clients[1].close();
});

test("handles that are collected give their share back, listeners of a hot-reloaded module with them", async () => {
  const { handles, listeners, left } = await answer(
    `
    const entry = new URL(import.meta.resolve("edgis")).pathname;
    const { createClient } = await import("edgis");
    const keeper = createClient({ url: process.env.URL_OF_TEST, logger: false });
    await keeper.ping();
    let calls = 0;
    for (let i = 0; i < 200; i += 1) {
      const { createClient } = await import(entry + "?v=" + i % 5);
      const client = createClient({ url: process.env.URL_OF_TEST, logger: false }).on("state", () => { calls += 1; });
      await client.ping();
    }
    const until = performance.now() + 10_000;
    while (keeper.stats().handles > 2 && performance.now() < until) { gc(); await new Promise((go) => setTimeout(go, 10)); }
    const { handles } = keeper.stats();
    await keeper.call("CLIENT", "KILL", "ID", await keeper.clientId(), "SKIPME", "no");
    await keeper.ping();
    await keeper.close();
    console.log(JSON.stringify({ handles, listeners: calls, left: process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length }));
    `,
    { exposeGc: true, env: { URL_OF_TEST: server.url } },
  );
  assert.ok(handles <= 2, `${handles} handles`);
  assert.ok(listeners <= 2, `${listeners} calls of listeners that should be gone`);
  assert.ok(left <= 1, `${left} sockets`);
});

test("the last handle that is collected closes the link", async () => {
  await answer(
    `
    const { createClient } = await import("edgis");
    const { observe } = await import(${JSON.stringify(new URL("observer.mjs", import.meta.url).href)});
    const observer = await observe({ port: Number(new URL(process.env.URL_OF_TEST).port) });
    await (async () => { await createClient({ url: process.env.URL_OF_TEST, logger: false, share: false, name: "lost" }).ping(); })();
    const lost = async () => (await observer.others()).some((other) => other.name === "lost");
    if (!(await lost())) throw new Error("there is no link");
    const until = performance.now() + 10_000;
    while (await lost()) {
      if (performance.now() > until) throw new Error("the link is still there");
      gc();
      await new Promise((go) => setTimeout(go, 10));
    }
    console.log("{}");
    `,
    { exposeGc: true, env: { URL_OF_TEST: server.url } },
  );
});

test("100 modules that each run a command at once dial once", async () => {
  const { dials, joins, accepted } = await answer(
    `
    const entry = new URL(import.meta.resolve("edgis")).pathname;
    // Evaluating a hundred modules keeps a slow machine from its sockets.
    const timeouts = { connect: "20s", command: "20s" };
    const clients = await Promise.all(Array.from({ length: 100 }, async (_, i) => {
      const { createClient } = await import(entry + "?v=" + i);
      const client = createClient({ url: process.env.URL_OF_TEST, logger: false, timeouts });
      await client.incr("imports");
      return client;
    }));
    const { dials, joins, connects } = clients[0].stats();
    console.log(JSON.stringify({ dials, joins, accepted: connects }));
    `,
    { env: { URL_OF_TEST: server.url } },
  );
  assert.deepEqual({ dials, accepted }, { dials: 1, accepted: 1 });
  assert.ok(joins >= 99, `${joins} joins`);
  assert.equal(await observer.ask("GET", "imports"), "100");
});

test("the connection promise of a link that was lost is replaced by a new one", async () => {
  const client = createClient({ url: server.url, logger });
  const first = client.init();
  await first;
  assert.equal(client.init(), first);
  await observer.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  await client.ping();
  const second = client.init();
  assert.notEqual(second, first);
  assert.equal((await second).state, "ready");
  assert.equal(client.stats().connects, 2);
  await client.close();
});
