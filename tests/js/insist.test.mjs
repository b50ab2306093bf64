// Somebody wants a target back without sending anything, as a cache does that has invalidations to tell.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "edgis";
import { freePort, startRedis } from "edgis/testing";
import { closing } from "./peers.mjs";
import { answer } from "./programs.mjs";
import { source } from "./source.mjs";

const { insist } = await source("cache/insist.ts");
const engine = () => globalThis[Symbol.for("edgis.engine.1")];

function asker(client) {
  const setTimer = (act, wait) => engine().runtime.setTimer(act, wait);
  return { target: client.target, now: () => engine().now(), setTimer, isReady: () => client.isReady };
}

function scene(t, url) {
  const client = createClient({ url, logger: false, share: false });
  t.after(() => client.close());
  return client;
}

async function until(holds, what) {
  const limit = performance.now() + 15_000;
  while (!holds()) {
    assert.ok(performance.now() < limit, `not in time: ${what}`);
    await sleep(2);
  }
}

test("a target that is away is dialled again and again, without a command, until it is back", async (t) => {
  const port = await freePort();
  const client = scene(t, `redis://127.0.0.1:${port}`);
  const stop = insist(asker(client));
  await until(() => client.stats().dials > 3, "dials");
  // The backoff holds: 50 ms doubling to 2 s, with full jitter.
  const before = client.stats().dials;
  await sleep(500);
  assert.ok(client.stats().dials - before < 30, `${client.stats().dials - before} dials in half a second`);
  const server = await startRedis({ port });
  t.after(() => server.stop());
  await until(() => client.target.state === "ready", "ready");
  await server.kill();
  await until(() => client.target.state === "disabled", "disabled");
  await server.restart();
  await until(() => client.target.state === "ready", "ready again");
  stop();
});

test("nobody asks any more once it was told to stop, nor for what can never work", async (t) => {
  const client = scene(t, `redis://127.0.0.1:${await freePort()}`);
  const stop = insist(asker(client));
  await until(() => client.target.state === "disabled", "disabled");
  stop();
  await sleep(100);
  const { dials } = client.stats();
  await sleep(2_200);
  assert.equal(client.stats().dials, dials);
  assert.equal(client.target.watchers.size, 0);
  const hopeless = scene(t, "http://127.0.0.1");
  insist(asker(hopeless));
  await sleep(50);
  assert.deepEqual([hopeless.status().state, hopeless.stats().dials], ["disabled", 0]);
});

test("a link that an idle server lets go of is dialled again", async (t) => {
  const peer = await closing();
  t.after(() => peer.close());
  const client = scene(t, peer.url);
  const stop = insist(asker(client));
  await until(() => client.stats().dials > 2, "dials");
  stop();
});

test("it keeps no process alive", async () => {
  const file = new URL("./source.mjs", import.meta.url).href;
  const { code, seconds } = await answer(
    `import { createClient } from "edgis";
     import { source } from ${JSON.stringify(file)};
     const { insist } = await source("cache/insist.ts");
     const redis = createClient({ url: "redis://127.0.0.1:1", logger: false });
     const engine = () => globalThis[Symbol.for("edgis.engine.1")];
     globalThis.kept = insist({
       target: redis.target,
       now: () => engine().now(),
       setTimer: (act, wait) => engine().runtime.setTimer(act, wait),
       isReady: () => redis.isReady,
     });
     console.log(JSON.stringify({ code: 0, seconds: process.uptime() }));`,
  );
  assert.equal(code, 0);
  assert.ok(seconds < 10);
});
