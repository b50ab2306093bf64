// As a user's own tests: in the Worker itself, beside it, and by its events.
import { createExecutionContext, createScheduledController, waitOnExecutionContext } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { createClient, DisabledError } from "edgis";
import { expect, test } from "vitest";
import worker, { cache, price, redis, relayed } from "./worker.mjs";

const ask = async (path) => (await exports.default.fetch(`http://worker${path}`)).json();

test("a command", async () => {
  expect(await redis.set("greeting", "hello")).toBe("OK");
  expect(await redis.get("greeting")).toBe("hello");
});

test("the same client in the next test", async () => {
  expect(await redis.get("greeting")).toBe("hello");
});

test("commands at once leave together", async () => {
  const before = redis.stats().writes;
  const counted = await Promise.all(Array.from({ length: 20 }, () => redis.incr("at once")));
  expect(counted.at(-1)).toBe(20);
  expect(redis.stats().writes - before).toBe(1);
});

test("bytes", async () => {
  expect([...(await redis.bytes.get("greeting"))]).toEqual([104, 101, 108, 108, 111]);
});

test("an error of the server's", async () => {
  await expect(redis.call("INCR", "greeting")).rejects.toMatchObject({ kind: "ReplyError" });
});

test("a server that is away", async () => {
  const away = createClient({ url: "redis://127.0.0.1:1", logger: false });
  await expect(away.get("x")).rejects.toBeInstanceOf(DisabledError);
  expect(away.status().state).toBe("disabled");
});

test("a request", async () => {
  expect(await ask("/count")).toEqual({ count: 1 });
});

test("requests at once", async () => {
  const counts = (await Promise.all(Array.from({ length: 10 }, () => ask("/count")))).map(({ count }) => count);
  expect(counts.sort((a, b) => a - b)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

test("a handler called as a function", async () => {
  const context = createExecutionContext();
  await worker.fetch(new Request("http://worker/later"), env, context);
  await waitOnExecutionContext(context);
  expect(await redis.get("later")).toBe("done");
});

test("cron", async () => {
  await worker.scheduled(createScheduledController({ cron: "1 2 3 4 5" }), env, createExecutionContext());
  expect(await redis.get("cron")).toBe("1 2 3 4 5");
});

test("a Durable Object", async () => {
  const room = env.ROOM.getByName("one");
  expect([await room.count("room"), await room.count("room")]).toEqual([1, 2]);
});

test("through a Durable Object", async () => {
  expect(await relayed.set("by way of", "an object")).toBe("OK");
  expect(await ask("/relayed")).toEqual({ count: 1 });
});

test("a cache", async () => {
  expect(await ask("/price")).toEqual({ price: 40 });
  expect([await price("chair"), await price("table")]).toEqual([40, undefined]);
  expect(await cache.delete([["price", "chair"]])).toEqual({ outcome: "applied" });
});
