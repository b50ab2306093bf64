// node --test
import assert from "node:assert/strict";
import { after, afterEach, before, mock, test } from "node:test";
import { faultProxy, resetRegistry, startRedis } from "edgis/testing";
import { product, redis } from "./product.mjs";

let server;
let proxy;

before(async () => {
  server = await startRedis();
  proxy = await faultProxy(server.url);
  process.env.REDIS_URL = proxy.url;
});
afterEach(async () => {
  mock.timers.reset();
  await proxy.heal();
  resetRegistry(); // the next test begins without the outage, and the backoff, of this one
});
after(async () => {
  await redis.close();
  await proxy.close();
  await server.stop();
});

test("the second request comes from the cache", async () => {
  assert.equal((await product(1)).from, "database");
  assert.deepEqual(await product(1), { id: 1, name: "product 1", from: "cache" });
});

test("Redis is down: the database answers, at once", async () => {
  await product(1);
  await proxy.down();
  assert.equal((await product(1)).from, "database");
  while (redis.status().state !== "disabled") await product(1);
  const start = performance.now();
  for (let i = 0; i < 20; i += 1) assert.equal((await product(1)).from, "database");
  assert.ok(performance.now() - start < 500);
});

test("Redis hangs: a request costs two deadlines at the most, also under fake timers", async () => {
  await product(1);
  await proxy.hang();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const start = performance.now();
  assert.equal((await product(1)).from, "database");
  assert.ok(performance.now() - start < 2_000);
});

test("a connection that is reset in the middle of a reply is nobody's problem: the read is sent again", async () => {
  await product(1);
  proxy.strike({ toClient: { after: 10, do: "reset" } });
  assert.equal((await product(1)).from, "cache");
});

test("Redis restarts, and nobody restarts the app", async () => {
  await product(1);
  await server.restart();
  const answers = new Set();
  while (!answers.has("cache")) answers.add((await product(2)).from);
  assert.equal(redis.status().state, "ready");
});
