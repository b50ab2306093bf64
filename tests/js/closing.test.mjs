// close({ drain }): what is pending is answered first, but not waited for beyond the time that is given.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";
import { scripted } from "./peers.mjs";
import { begin } from "./programs.mjs";
import { startWatched } from "./servers.mjs";

const patience = { connect: "30s", command: "30s" };
const caught = (promise) => promise.catch((error) => error);

function clientFor(t, url, options = {}) {
  const client = createClient({ url, logger: false, timeouts: patience, ...options });
  t.after(() => client.close());
  return client;
}

const program = `
const { createClient } = await import("edgis");
const redis = createClient({ logger: false, timeouts: { command: "30s" } });
await redis.ping();
let answered = 0;
// An app has something that keeps it going, and ends that with the signal.
const going = setInterval(() => {}, 1_000);
process.once("SIGTERM", async () => {
  clearInterval(going);
  const closing = redis.close({ drain: "20s" });
  console.log("closing", answered);
  await closing;
  console.log("closed", answered, redis.status().state);
});
process.once("SIGUSR2", () => {
  for (let i = 0; i < 1_000; i += 1) redis.incr("n").then(() => { answered += 1; });
  setTimeout(() => console.log("under way"), 50);
});
console.log("ready");
`;

test("SIGTERM with 1,000 commands in flight: all are answered, and the process ends by itself", async (t) => {
  if (process.platform === "win32") return t.skip("there are no signals on Windows");
  const { server, observer } = await startWatched(t);
  const { pid, line, ended } = begin(t, program, { REDIS_URL: server.url });
  const says = async (text) => assert.equal(await line(), text);
  await says("ready");
  server.pause();
  process.kill(pid, "SIGUSR2");
  await says("under way");
  process.kill(pid, "SIGTERM");
  await says("closing 0");
  server.resume();
  await says("closed 1000 closed");
  assert.equal(await ended, 0);
  assert.equal(await observer.ask("GET", "n"), "1000");
  await observer.othersBecome(0);
});

test("a server that is silent: the rest is rejected when the time is over, and the link is gone", async (t) => {
  const { server, observer } = await startWatched(t);
  const client = clientFor(t, server.url);
  assert.equal(await client.set("k", "v"), "OK");
  server.pause();
  const calls = [client.set("k", "w"), client.bytes.get("k"), client.with({ timeout: "20s" }).incr("n")].map(caught);
  const started = performance.now();
  await client.close({ drain: 300 });
  const took = performance.now() - started;
  assert.ok(took >= 295 && took < 5_000, `${took} ms`);
  for (const { kind, reason, sent, message } of await Promise.all(calls)) {
    assert.deepEqual([kind, reason, sent], ["DisabledError", "closed", "maybe"]);
    assert.match(message, /the client was closed before the reply; the server may have executed it$/);
  }
  assert.equal(client.status().state, "closed");
  server.resume();
  await observer.othersBecome(0);
});

test("nobody at the other end: what was never written says so", async (t) => {
  const silent = await scripted(() => "");
  t.after(() => silent.close());
  // One that dials, and one that waits for Redis to come back.
  const dialling = clientFor(t, silent.url);
  const waiting = clientFor(t, `redis://127.0.0.1:${await freePort()}`, { offline: "wait" });
  assert.equal((await waiting.init()).state, "disabled");
  for (const client of [dialling, waiting]) {
    const calls = [client.hgetall("h"), client.set("k", "v"), client.set("k", "v".repeat(20_000))].map(caught);
    await sleep(20);
    await client.close({ drain: 100 });
    for (const [index, { kind, reason, sent }] of (await Promise.all(calls)).entries()) {
      // The reads before the first write ride behind the handshake.
      const left = client === dialling && index === 0;
      assert.deepEqual([kind, reason, sent], ["DisabledError", "closed", left ? "maybe" : "no"]);
    }
  }
});

test("a link that is lost meanwhile is dialled again, and Redis may come back", async (t) => {
  const port = await freePort();
  const client = clientFor(t, `redis://127.0.0.1:${port}`, { offline: "wait", retry: { base: 10, cap: 50 } });
  const call = client.set("k", "v");
  assert.equal((await client.init()).state, "disabled");
  const closing = client.close({ drain: "30s" });
  const server = await startRedis({ port });
  t.after(() => server.stop());
  assert.equal(await call, "OK");
  await closing;
  assert.equal(client.status().state, "closed");
});

test("later commands are rejected at once, and closing again joins", async (t) => {
  const { server } = await startWatched(t);
  const client = clientFor(t, server.url);
  await client.ping();
  server.pause();
  const call = client.get("k");
  const closing = client.close({ drain: "30s" });
  assert.equal(client.close({ drain: 1 }), closing);
  assert.equal(client.close(), closing);
  assert.equal(client.bytes.close(), closing);
  for (const late of [client.get("k"), client.bytes.get("k"), client.call("SET", "k", "v")]) {
    const { kind, reason, sent } = await caught(late);
    assert.deepEqual([kind, reason, sent], ["DisabledError", "closed", "no"]);
  }
  server.resume();
  assert.equal(await call, null);
  await closing;
});

test("other handles on the link, and what is pending on them, are not concerned", async (t) => {
  const { server, observer } = await startWatched(t);
  const client = clientFor(t, server.url);
  const other = clientFor(t, server.url);
  const third = client.with({ offline: "wait" });
  t.after(() => third.close());
  await Promise.all([client.ping(), other.ping(), third.ping()]);
  server.pause();
  const own = caught(client.incr("n"));
  const others = [other.incr("m"), third.incr("m")];
  await client.close({ drain: 100 });
  assert.equal((await own).reason, "closed");
  server.resume();
  assert.deepEqual(await Promise.all(others), [1, 2]);
  await observer.othersBecome(1);
  assert.equal(other.stats().connects, 1);
});

test("a drain of 0 rejects what is pending at once; without anything pending no time passes", async (t) => {
  const { server } = await startWatched(t);
  const client = clientFor(t, server.url);
  const unused = clientFor(t, server.url);
  await client.ping();
  await unused.close({ drain: "30s" });
  const idle = clientFor(t, server.url, { name: "idle" });
  await idle.ping();
  await idle.close({ drain: "30s" });
  server.pause();
  const calls = Array.from({ length: 2_000 }, (_, i) => caught(client.set(`k${i}`, "v")));
  const started = performance.now();
  await client.close({ drain: 0 });
  assert.ok(performance.now() - started < 10_000);
  const kinds = new Set((await Promise.all(calls)).map(({ kind, reason }) => `${kind} ${reason}`));
  assert.deepEqual([...kinds], ["DisabledError closed"]);
});

test("what is no duration is a mistake of the caller, and closes on the default terms", async (t) => {
  const { server } = await startWatched(t);
  const unused = createClient({ url: server.url, logger: false });
  await assert.rejects(unused.close({ drain: "x" }), { kind: "UsageError" });
  for (const drain of ["soon", -1, Number.NaN]) {
    const client = createClient({ url: server.url, logger: false });
    await client.ping();
    const call = client.set("k", "v");
    const message = /^close\(\): drain must be a positive number of milliseconds or a duration/;
    await assert.rejects(client.close({ drain }), { kind: "UsageError", message });
    assert.equal(await call, "OK");
    assert.equal(client.status().state, "closed");
  }
  for (const odd of [null, "SIGTERM", 15]) {
    const another = clientFor(t, server.url);
    await another.ping();
    await another.close(odd);
    assert.equal(another.status().state, "closed");
  }
});

test("views that somebody kept are closed with their client, also where others hold the link", async (t) => {
  const { server, observer } = await startWatched(t);
  const client = clientFor(t, server.url);
  const other = clientFor(t, server.url);
  const view = client.with({ timeout: "20s" });
  const { signal } = new AbortController();
  const views = [client, client.bytes, view, view.bytes, client.with({ signal })];
  for (const one of [...views, other]) assert.equal(await one.exists("k"), 0);
  await client.close();
  for (const one of views) {
    for (const call of [one.get("k"), one.set("k", "v"), one.mget("k")]) {
      const { kind, reason } = await caught(call);
      assert.deepEqual([kind, reason], ["DisabledError", "closed"]);
    }
    assert.deepEqual([one.isReady, one.isOpen, one.status().state], [false, false, "closed"]);
  }
  assert.equal(await other.exists("k"), 0);
  await observer.othersBecome(1);
});
