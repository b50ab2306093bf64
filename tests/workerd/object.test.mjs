// A client in a Durable Object of one's own: within what shuts the object's gate, and when the object could sleep.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startRedis } from "edgis/testing";
import { generations, startWorker } from "./worker.mjs";

const modules = fileURLToPath(new URL("../../target/setup/npm/workerd/node_modules", import.meta.url));
const { WebSocket } = createRequire(createRequire(join(modules, "x.js")).resolve("miniflare"))("ws");

async function start(t, generation) {
  const redis = await startRedis({ args: ["--enable-debug-command", "local"] });
  t.after(() => redis.stop());
  return startWorker(t, { url: redis.url, source: "tests/workerd/object.mjs", generation });
}

/** A WebSocket to the object: `say` sends a message and gives the answer. */
async function talk(t, { miniflare }) {
  const url = new URL(await miniflare.ready);
  url.protocol = "ws:";
  const socket = new WebSocket(url);
  t.after(() => socket.terminate());
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  return (message) =>
    new Promise((resolve) => {
      socket.once("message", (text) => resolve(JSON.parse(text)));
      socket.send(message);
    });
}

for (const generation of generations) {
  test(`${generation}: commands within blockConcurrencyWhile and a transaction are answered`, async (t) => {
    const { get, complaints } = await start(t, generation);
    for (const [index, id] of ["a", "b", "c"].entries()) {
      const start = performance.now();
      assert.deepEqual(await get(`/gate?id=${id}`), { values: [id, index + 1, id, id], born: 1 });
      const took = performance.now() - start;
      assert.ok(took < 5_000, `${took} ms`);
    }
    // On older ones a timer that was set outside of the gate holds up those that are set within, ours or not.
    if (generation !== "newest") return assert.deepEqual(complaints(), []);
    const { told, outside, after, born } = await get("/beside?id=d");
    assert.equal(born, 1);
    // It waited for what was begun before, or was told so in time; it was never the object that ended.
    assert.ok(["OK", "TimeoutError", "ConnectionLostError"].includes(told), told);
    assert.ok(["OK", "ConnectionLostError"].includes(outside), outside);
    assert.equal(after, "d");
    assert.deepEqual(complaints(), []);
  });

  test(`${generation}: an object sleeps once its connection is closed, by close() or idleTimeout, as after a bare socket`, async (t) => {
    const sleeps = async (message) => {
      const worker = await start(t, generation);
      const say = await talk(t, worker);
      const first = await say(message);
      // It must be quiet for ten seconds.
      await sleep(17_000);
      const { born } = await say("nothing");
      return [message, born - first.born];
    };
    const told = Object.fromEntries(await Promise.all(["nothing", "bare", "closed", "idle"].map(sleeps)));
    // The oldest stays awake for longer after any socket.
    const bare = generation === "oldest" ? told.bare : 1;
    assert.deepEqual(told, { nothing: 1, bare, closed: bare, idle: bare });
  });
}
