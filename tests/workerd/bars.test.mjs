// What a Worker costs: memory over many requests, and bytes.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { startRedis } from "edgis/testing";
import { bundle, startWorker } from "./worker.mjs";

const modules = fileURLToPath(new URL("../../target/setup/npm/workerd/node_modules", import.meta.url));
const require = createRequire(join(modules, "miniflare/x.js"));
const { WebSocket } = require("ws");
const { kCurrentWorker } = require("miniflare");

/** Asks the isolate by the protocol of Chrome's developer tools. */
async function inspect(t, miniflare) {
  const base = await miniflare.getInspectorURL();
  const list = await (await fetch(new URL("/json", String(base).replace("ws", "http")))).json();
  const socket = new WebSocket(list.find(({ id }) => id === "core:user:").webSocketDebuggerUrl);
  t.after(() => socket.terminate());
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const waiting = new Map();
  socket.on("message", (text) => {
    const { id, result } = JSON.parse(text);
    waiting.get(id)?.(result);
  });
  let count = 0;
  return (method) =>
    new Promise((resolve) => {
      count += 1;
      waiting.set(count, resolve);
      socket.send(JSON.stringify({ id: count, method }));
    });
}

const REQUESTS = Number(process.env.REQUESTS ?? 3_000);

test("the heap grows by what the runtime keeps of a socket, and by nothing of a request; REQUESTS=10000 for more", async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const { get, miniflare, complaints } = await startWorker(t, {
    url: redis.url,
    inspectorPort: 0,
    serviceBindings: { SELF: kCurrentWorker },
  });
  const ask = await inspect(t, miniflare);
  const requests = async (count, path) => {
    const asked = `/many?${new URLSearchParams({ count: 500, path })}`;
    for (let i = 0; i < count / 500; i += 1) assert.deepEqual(await get(asked), { answered: 500 });
  };
  const used = async () => {
    // It is done when the isolate has the next thing to do.
    let done = false;
    ask("HeapProfiler.collectGarbage").then(() => {
      done = true;
    });
    for (let i = 0; i < 100 && !done; i += 1) await get("/early");
    return (await ask("Runtime.getHeapUsage")).usedSize;
  };
  const grownBy = async (path) => {
    await requests(500, path);
    const before = await used();
    await requests(REQUESTS, path);
    return ((await used()) - before) / REQUESTS;
  };
  const socket = await grownBy("socket");
  const edgis = await grownBy("page?id=1&rounds=1");
  t.diagnostic(`bytes a request: ${Math.round(edgis)}; with a bare socket: ${Math.round(socket)}`);
  // Its promises, of which a bare socket's are not asked for, and what listens to them.
  assert.ok(edgis - socket < 1_800, `${edgis} bytes a request, and ${socket} with a bare socket`);
  assert.deepEqual(complaints(), []);
});

test("a worker is small", async (t) => {
  const files = await bundle("tests/workerd/small.mjs", { minify: true });
  const bytes = files.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0);
  t.diagnostic(`bundle: ${(bytes / 1024).toFixed(1)} KB gzip`);
  assert.ok(bytes < 88 << 10, `${bytes} bytes`);
});
