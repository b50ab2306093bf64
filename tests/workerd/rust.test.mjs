// The Worker in Rust of examples/worker-rs under miniflare: the crate's client over the runtime's own sockets.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { buildWorkers } from "../../scripts/worker-rs.mjs";
import { observe } from "../js/observer.mjs";
import { startRedis } from "../js/redis-server.mjs";
import { startWorker } from "./worker.mjs";

async function start(t, { url, redis, worker = "example", ...options } = {}) {
  const server = redis ?? (await startRedis());
  t.after(() => server.stop());
  const { [worker]: source } = await buildWorkers();
  const durableObjects = worker === "example" ? { COUNTER: "Counter" } : {};
  const { miniflare, said } = await startWorker(t, { url: url ?? server.url, source, durableObjects, ...options });
  const get = async (path, init) => {
    const response = await miniflare.dispatchFetch(`http://worker${path}`, init);
    return { status: response.status, text: await response.text() };
  };
  return { redis: server, get, said };
}

const numbers = (answers) => answers.map(({ text }) => Number(text)).sort((a, b) => a - b);
const upTo = (count) => Array.from({ length: count }, (_, index) => index + 1);

/** Connections besides the observer's own. */
const connections = async (observer) =>
  String(await observer.ask("CLIENT", "LIST"))
    .trim()
    .split("\n").length - 1;

async function empties(observer, within = 3_000) {
  for (const until = performance.now() + within; performance.now() < until; await sleep(25))
    if ((await connections(observer)) === 0) return true;
  return false;
}

test("requests side by side have a connection each, and leave none behind", async (t) => {
  const { redis, get, said } = await start(t);
  const observer = await observe(redis);
  t.after(() => observer.socket.destroy());
  assert.deepEqual(await get("/profile/ann"), { status: 200, text: "ann has been here 1 times" });
  const answers = await Promise.all(upTo(100).map(() => get("/visits/home")));
  assert.deepEqual(numbers(answers), upTo(100));
  for (let i = 0; i < 100; i += 1) assert.equal((await get("/visits/home")).status, 200);
  assert.ok(await empties(observer), `${await connections(observer)} connections are left`);
  assert.equal(said(), "");
});

test("a Durable Object shares one connection between its requests", async (t) => {
  const { redis, get, said } = await start(t);
  const observer = await observe(redis);
  t.after(() => observer.socket.destroy());
  const answers = await Promise.all(upTo(200).map(() => get("/shared/home")));
  assert.deepEqual(numbers(answers), upTo(200));
  assert.equal(await connections(observer), 1);
  assert.equal(said(), "");
});

test("requests that are given up leave the others alone", async (t) => {
  const { redis, get, said } = await start(t);
  redis.pause();
  const given = upTo(50).map(() => get("/visits/home", { signal: AbortSignal.timeout(50) }).catch(() => "given up"));
  assert.deepEqual(new Set(await Promise.all(given)), new Set(["given up"]));
  redis.resume();
  // On a machine so slow that a dial failed meanwhile, it takes a moment until one may try again.
  for (
    const until = performance.now() + 10_000;
    performance.now() < until && (await get("/profile/bob")).status !== 200;
  )
    await sleep(20);
  const start50 = performance.now();
  const answers = await Promise.all(upTo(50).map(() => get("/profile/ann")));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.ok(performance.now() - start50 < 5_000);
  assert.doesNotMatch(said(), /different request|hung|Uncaught/);
});

test("while Redis is away each answer says what is wrong and what to do, and it is found when it is back", async (t) => {
  const { redis, get, said } = await start(t);
  assert.equal((await get("/shared/home")).text, "1");
  await redis.kill();
  for (const path of ["/visits/home", "/profile/ann", "/shared/home"]) {
    const { status, text } = await get(path);
    assert.equal(status, 503, text);
    assert.match(text, /^EDGIS_DISABLED: H(INCRBY|SET): Redis is disabled \(\w+\): cannot connect to 127\.0\.0\.1:\d+/);
    assert.match(text, /nothing listens there/);
  }
  await redis.restart();
  // Who comes before the next try is still told at once that it is away.
  for (const [path, text] of [
    ["/visits/home", "1"],
    ["/shared/home", "2"],
  ]) {
    let found;
    for (const until = performance.now() + 10_000; performance.now() < until && found?.status !== 200; await sleep(50))
      found = await get(path);
    assert.deepEqual(found, { status: 200, text });
  }
  assert.doesNotMatch(said(), /different request|hung|Uncaught|panicked/);
});

test("requests learn from each other that Redis does not answer", async (t) => {
  const { redis, get, said } = await start(t);
  assert.equal((await get("/visits/home")).status, 200);
  redis.pause();
  assert.match((await get("/visits/home")).text, /no reply from|Redis is disabled \(timeout\)/);
  const timed = async () => {
    const before = performance.now();
    const { status } = await get("/visits/home");
    return { status, took: performance.now() - before };
  };
  // One after the other until they know, then side by side: one of them at the most waits for an answer.
  const known = async () => (await timed()).took < 1_000;
  for (const until = performance.now() + 20_000; performance.now() < until && !(await known()); );
  const all = await Promise.all(upTo(50).map(timed));
  assert.deepEqual(new Set(all.map(({ status }) => status)), new Set([503]));
  const slow = all.filter(({ took }) => took > 1_900);
  assert.ok(slow.length <= 5, `${slow.length} of 50 waited`);
  redis.resume();
  for (const until = performance.now() + 20_000; performance.now() < until && (await timed()).status !== 200; )
    await sleep(20);
  const after = await Promise.all(upTo(20).map(timed));
  assert.deepEqual(new Set(after.map(({ status }) => status)), new Set([200]));
  assert.doesNotMatch(said(), /different request|hung|Uncaught/);
});

test("TLS, with a certificate that the runtime trusts; wrong credentials are named and not shown", async (t) => {
  const redis = await startRedis({ tls: true, args: ["--requirepass", "r1ght"] });
  const trusted = { tlsOptions: { trustBrowserCas: true, trustedCertificates: [redis.tls.ca] } };
  const outboundService = { network: { allow: ["public", "private", "local"], ...trusted } };
  const url = (password) => `rediss://:${password}@localhost:${redis.port}`;
  const good = await start(t, { redis, url: url("r1ght"), outboundService });
  assert.deepEqual(await good.get("/visits/home"), { status: 200, text: "1" });
  const bad = await start(t, { redis, url: url("wr0ng"), outboundService });
  const { text } = await bad.get("/visits/home");
  assert.match(text, /Redis is disabled \(auth\)/);
  assert.doesNotMatch(text + bad.said(), /wr0ng/);
});
