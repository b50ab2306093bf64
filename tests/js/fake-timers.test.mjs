// Fake timers in a user's test: deadlines, backoffs and the faults of edgis/testing go by the real clock all the same.
import assert from "node:assert/strict";
import test from "node:test";
import { createClient } from "edgis";
import { faultProxy, resetRegistry, startRedis } from "edgis/testing";
import { answer } from "./programs.mjs";

const logger = false;
const caught = (promise) =>
  promise.then(
    (value) => value,
    (error) => error,
  );

test("under node:test's mock timers a client connects, times out, backs off and recovers in real time", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval", "setImmediate", "Date"], now: 0 });
  assert.equal(Date.now(), 0);
  const server = await startRedis();
  const proxy = await faultProxy(server.url);
  const timeouts = { connect: 300, command: 200 };
  const client = createClient({ url: proxy.url, logger, timeouts });
  t.after(async () => {
    await client.close();
    await proxy.close();
    await server.stop();
  });
  assert.equal(await client.set("k", "v"), "OK");

  await proxy.hang();
  const start = performance.now();
  const late = await caught(client.incr("n"));
  const took = performance.now() - start;
  assert.deepEqual([late.kind, late.phase], ["TimeoutError", "reply"]);
  assert.ok(took >= 195 && took < 3_000, `${took} ms`);
  assert.equal((await caught(client.with({ timeout: 100 }).get("k"))).kind, "TimeoutError");

  resetRegistry();
  const dialled = performance.now();
  const { state, reason, since, retryAt } = await client.init();
  assert.deepEqual([state, reason], ["disabled", "timeout"]);
  assert.ok(performance.now() - dialled >= 295);
  assert.ok(since > 1e12 && retryAt > since, "moments are those of the real clock");

  await proxy.heal();
  await client.ready({ timeout: "20s" });
  await proxy.slow(50);
  const slow = performance.now();
  assert.equal(await client.get("k"), "v");
  assert.ok(performance.now() - slow >= 45);
  assert.equal(Date.now(), 0, "nobody has moved the clock");
});

test("nothing of edgis or edgis/testing looks at the globals for a timer or a clock after load", async () => {
  const { kinds, recovered } = await answer(`
    const { createClient } = await import("edgis");
    const { faultProxy, startRedis } = await import("edgis/testing");
    const never = (name) => () => { throw new Error(name + " was called"); };
    for (const name of ["setTimeout", "setInterval", "setImmediate", "clearTimeout", "queueMicrotask"]) globalThis[name] = never(name);
    Date.now = never("Date.now");
    performance.now = never("performance.now");
    globalThis.performance = { now: never("performance.now") };
    globalThis.Date = class { constructor() { never("Date")(); } };
    const server = await startRedis();
    const proxy = await faultProxy(server.url);
    const client = createClient({ url: proxy.url.replace("127.0.0.1", "localhost"), logger: false, timeouts: { connect: "5s", command: 100 } });
    const caught = (promise) => promise.then((value) => value, (error) => error.kind ?? String(error));
    const kinds = [await caught(client.set("k", "v"))];
    server.pause();
    kinds.push(await caught(client.get("k")));
    server.resume();
    await proxy.script({ toClient: { delay: 5, split: 1, pace: 1 } });
    await proxy.reset();
    kinds.push(await caught(client.with({ timeout: "5s" }).get("k")));
    await proxy.down();
    while ((await client.init()).state !== "disabled") await client.get("k").catch(() => {});
    await proxy.heal();
    const recovered = await caught(client.ready({ timeout: "10s" }).then(() => "ready"));
    await client.close();
    await server.restart();
    await server.stop();
    await proxy.close();
    console.log(JSON.stringify({ kinds, recovered }));
  `);
  assert.deepEqual({ kinds, recovered }, { kinds: ["OK", "TimeoutError", "v"], recovered: "ready" });
});
