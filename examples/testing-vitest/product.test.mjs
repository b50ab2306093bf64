// vitest run

import { faultProxy, resetRegistry, startRedis } from "edgis/testing";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { product, redis } from "./product.mjs";

let server;
let proxy;

beforeAll(async () => {
  server = await startRedis();
  proxy = await faultProxy(server.url);
  process.env.REDIS_URL = proxy.url;
});
afterEach(async () => {
  vi.useRealTimers();
  await proxy.heal();
  resetRegistry(); // the next test begins without the outage, and the backoff, of this one
});
afterAll(async () => {
  await redis.close();
  await proxy.close();
  await server.stop();
});

test("the second request comes from the cache", async () => {
  expect((await product(1)).from).toBe("database");
  expect(await product(1)).toEqual({ id: 1, name: "product 1", from: "cache" });
});

test("Redis is down: the database answers, at once", async () => {
  await product(1);
  await proxy.down();
  expect((await product(1)).from).toBe("database");
  while (redis.status().state !== "disabled") await product(1);
  const start = performance.now();
  for (let i = 0; i < 20; i += 1) expect((await product(1)).from).toBe("database");
  expect(performance.now() - start).toBeLessThan(500);
});

test("Redis hangs: a request costs two deadlines at the most, also under fake timers", async () => {
  await product(1);
  await proxy.hang();
  const start = performance.now();
  vi.useFakeTimers();
  expect((await product(1)).from).toBe("database");
  vi.useRealTimers();
  expect(performance.now() - start).toBeLessThan(2_000);
});

test("a connection that is reset in the middle of a reply is nobody's problem: the read is sent again", async () => {
  await product(1);
  proxy.strike({ toClient: { after: 10, do: "reset" } });
  expect((await product(1)).from).toBe("cache");
});

test("Redis restarts, and nobody restarts the app", async () => {
  await product(1);
  await server.restart();
  const answers = new Set();
  while (!answers.has("cache")) answers.add((await product(2)).from);
  expect(redis.status().state).toBe("ready");
});
