// The middleware of docs/ratelimit.md, in the frameworks that it is for.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createClient } from "edgis";
import { RateLimit } from "edgis/ratelimit";
import { startRedis } from "edgis/testing";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";

const text = readFileSync(new URL("../../docs/ratelimit.md", import.meta.url), "utf8");
const snippets = new Map([...text.matchAll(/```js (\w+)\n([\s\S]*?)```/g)].map(([, kind, code]) => [kind, code]));

const server = await startRedis();
const redis = createClient(server.url);
test.after(async () => {
  await redis.close();
  await server.stop();
});

/** Runs a snippet with what its text takes for granted. */
function run(kind, given) {
  const code = snippets.get(kind)?.replace("export async function GET", "return async function GET");
  assert.ok(code !== undefined, `no snippet for ${kind}`);
  return new Function(...Object.keys(given), code)(...Object.values(given));
}

const limiter = (name) => new RateLimit(redis, { name, limit: 2, window: "1m", algorithm: "bucket" });

async function check(get) {
  for (const [status, header] of [
    [200, '"r=1;t=30"'],
    [200, '"r=0;t=60"'],
    [429, '"r=0;t=60"'],
  ]) {
    const response = await get();
    assert.equal(response.status, status);
    assert.match(response.headers.get("ratelimit"), new RegExp(header.replaceAll('"', "")));
    const wait = Number(response.headers.get("retry-after") ?? 0);
    assert.ok(status === 429 ? wait >= 1 && wait <= 30 : wait === 0, `${wait}`);
    await response.text();
  }
}

test("Hono", async () => {
  const app = new Hono();
  run("hono", { app, limits: limiter("hono") });
  app.get("/", (c) => c.text("hello"));
  await check(() => app.request("/", { headers: { "x-user": "ada" } }));
});

test("Express", async (t) => {
  const app = express();
  run("express", { app, limits: limiter("express") });
  app.get("/", (_, response) => response.send("hello"));
  const listening = app.listen(0, "127.0.0.1");
  t.after(() => listening.close());
  await once(listening, "listening");
  await check(() => fetch(`http://127.0.0.1:${listening.address().port}/`, { headers: { "x-user": "ada" } }));
});

test("Fastify", async (t) => {
  const app = fastify();
  t.after(() => app.close());
  run("fastify", { app, limits: limiter("fastify") });
  app.get("/", async () => "hello");
  const address = await app.listen({ port: 0, host: "127.0.0.1" });
  await check(() => fetch(address, { headers: { "x-user": "ada" } }));
});

test("a route of Next.js", async () => {
  const GET = run("next", { limits: limiter("next") });
  await check(() => GET(new Request("http://localhost/", { headers: { "x-user": "ada" } })));
});
