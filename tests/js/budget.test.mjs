// What a command may cost: calls into the core, writes to the socket, and memory that stays.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";
import { answer } from "./programs.mjs";

let server;
let client;
before(async () => {
  server = await startRedis();
  client = createClient({ url: server.url, logger: false });
  await client.set("k", "v");
});
after(async () => {
  await client.close();
  await server.stop();
});

/** Calls into the core and writes that `act` costs. */
async function cost(act) {
  const start = client.stats();
  await act();
  const { crossings, writes } = client.stats();
  return { crossings: crossings - start.crossings, writes: writes - start.writes };
}

test("one get crosses twice and writes once", async () => {
  for (let i = 0; i < 10; i += 1) assert.deepEqual(await cost(() => client.get("k")), { crossings: 2, writes: 1 });
});

test("a hundred gets in one tick cross twice and write once", async () => {
  const hundred = () => Promise.all(Array.from({ length: 100 }, () => client.get("k")));
  assert.deepEqual(await cost(hundred), { crossings: 2, writes: 1 });
});

test("callers at ten depths of promises, through several handles and methods, share one write", async () => {
  const other = client.with({ offline: "wait", timeouts: { command: "5s" } });
  await other.ping();
  const deep = async (depth) => {
    for (let i = 0; i < depth; i += 1) await null;
    return depth % 2 === 0 ? client.get("k") : other.bytes.call("SET", "k", new Uint8Array(depth));
  };
  const all = () => Promise.all(Array.from({ length: 100 }, (_, i) => deep(i % 10)));
  assert.deepEqual(await cost(all), { crossings: 2, writes: 1 });
  await other.close();
});

test("a hundred concurrent cold imports that each read cross four times at the most", async () => {
  const { crossings, dials, values } = await answer(
    `
    const entry = new URL(import.meta.resolve("edgis")).pathname;
    const clients = await Promise.all(Array.from({ length: 100 }, async (_, i) => {
      const { createClient } = await import(entry + "?v=" + i);
      return createClient({ url: process.env.URL_OF_TEST, logger: false });
    }));
    const replies = await Promise.all(clients.map((client) => client.get("cold")));
    const { crossings, dials } = clients[0].stats();
    console.log(JSON.stringify({ crossings, dials, values: new Set(replies).size }));
    `,
    { env: { URL_OF_TEST: server.url } },
  );
  assert.deepEqual([dials, values], [1, 1]);
  assert.ok(crossings <= 4, `${crossings} crossings`);
});

test("what is refused or disabled costs one crossing a tick", async () => {
  const disabled = createClient({ url: undefined, logger: false });
  await disabled.init();
  const start = disabled.stats().crossings;
  const errors = await Promise.all(Array.from({ length: 100 }, () => disabled.get("k").catch((error) => error.kind)));
  assert.deepEqual(new Set(errors), new Set(["DisabledError"]));
  assert.equal(disabled.stats().crossings - start, 1);
  await disabled.close();
});

test("stats() count commands, bytes and states", async () => {
  const start = client.stats();
  await client.set("k", "x".repeat(1_000));
  await client.get("k");
  const end = client.stats();
  assert.equal(end.commands - start.commands, 2);
  assert.ok(end.bytesOut - start.bytesOut > 1_000 && end.bytesOut - start.bytesOut < 1_200);
  assert.ok(end.bytesIn - start.bytesIn > 1_000 && end.bytesIn - start.bytesIn < 1_200);
  await client.set("large", "x".repeat(100_000));
  await client.get("large");
  const large = client.stats();
  assert.ok(large.bytesOut - end.bytesOut > 100_000 && large.bytesOut - end.bytesOut < 100_200);
  assert.ok(large.bytesIn - end.bytesIn > 100_000, `${large.bytesIn - end.bytesIn}`);
  assert.deepEqual([large.dials, large.connects, large.timeouts, large.disabled, large.pending], [1, 1, 0, 0, 0]);
});

test("to keep one reply of a thousand keeps little more than these", async () => {
  const { kept, bytes } = await answer(
    `
    const { createClient } = await import("edgis");
    const client = createClient({ url: process.env.URL_OF_TEST, logger: false });
    const value = "0123456789abcdef".repeat(2);
    await client.set("r", value);
    const kept = [];
    const round = async (keep) => {
      const values = await Promise.all(Array.from({ length: 1_000 }, () => client.get("r")));
      if (keep) kept.push(values[500]);
    };
    for (let i = 0; i < 20; i += 1) await round(false);
    gc(); gc();
    const start = process.memoryUsage();
    for (let i = 0; i < 200; i += 1) await round(true);
    gc(); gc();
    const end = process.memoryUsage();
    const bytes = end.heapUsed + end.external - start.heapUsed - start.external;
    if (!kept.every((text) => text === value)) process.exit(1);
    console.log(JSON.stringify({ kept: kept.length, bytes }));
    `,
    { exposeGc: true, env: { URL_OF_TEST: server.url } },
  );
  // A kept value may hold twice itself and 512 bytes; the rest is the heap's own noise.
  assert.equal(kept, 200);
  assert.ok(bytes <= 200 * (2 * 32 + 512) + 800_000, `${bytes} bytes`);
});

test("linear memory does not grow with the size or the number of values", async () => {
  await client.set("big", "x".repeat(5_000_000));
  await client.get("big");
  const start = client.stats().memoryBytes;
  for (let i = 0; i < 10; i += 1) {
    await Promise.all(Array.from({ length: 5 }, () => client.set("big", "y".repeat(5_000_000))));
    await Promise.all(Array.from({ length: 5 }, () => client.bytes.get("big")));
  }
  assert.equal(client.stats().memoryBytes, start);
});

/** Loads of a fresh process each, since linear memory never shrinks and one would hide what the next needs. */
const heavy = {
  "100,000 writes in one tick": "await times(100_000, (i) => redis.set('m:' + i, text));",
  "100,000 reads in one tick": "await times(100_000, (i) => redis.get('m:' + i));",
  "100,000 reads that a frozen server answers late": `
    server.pause();
    const reads = times(100_000, (i) => redis.get("m:" + i));
    await sleep(500);
    server.resume();
    await reads;`,
  "writes that a server does not read, more than may wait": `
    server.pause();
    const writes = times(100_000, (i) => redis.set("m:" + i, text));
    await sleep(500);
    server.resume();
    await writes;`,
  "as many writes as may wait for a server that is not there": `
    await server.stop();
    while (redis.isReady) await sleep(5);
    const writes = times(10_000, (i) => patient.set("m:" + i, text));
    await sleep(200);
    await server.restart();
    await writes;`,
  "40,000 reads in flight on a link that dies": `
    server.pause();
    const reads = times(40_000, (i) => patient.get("m:" + i));
    await sleep(300);
    await server.kill();
    await server.restart();
    await reads;`,
  "long lists, and large values": `
    for (let i = 0; i < 10; i += 1) await redis.rpush("list", Array.from({ length: 10_000 }, (_, i) => "item " + i));
    if ((await redis.lrange("list", 0, -1)).length !== 100_000) throw new Error("not all are there");
    await redis.set("big", "y".repeat(20e6));
    await redis.get("big");`,
};

for (const [what, source] of Object.entries(heavy)) {
  test(`linear memory stays below 8 MiB: ${what}`, async (t) => {
    const { mebibytes, answered } = await answer(`
      import { setTimeout as sleep } from "node:timers/promises";
      import { createClient } from "edgis";
      import { startRedis } from "edgis/testing";
      const server = await startRedis();
      const timeouts = { connect: "60s", command: "60s" };
      const redis = createClient({ url: server.url, logger: false, timeouts });
      const patient = redis.with({ offline: "wait" });
      const text = "x".repeat(200);
      let answered = 0;
      const times = (count, act) => Promise.allSettled(Array.from({ length: count }, (_, i) => act(i)))
        .then((all) => { answered += all.filter(({ status }) => status === "fulfilled").length; });
      await redis.ping();
      ${source}
      console.log(JSON.stringify({ mebibytes: redis.stats().memoryBytes / 2 ** 20, answered }));
      await Promise.all([redis.close(), patient.close(), server.stop()]);
    `);
    t.diagnostic(`${mebibytes} MiB, ${answered} answered`);
    assert.ok(mebibytes <= 8, `${mebibytes} MiB`);
    assert.ok(answered >= 10_000 || what.startsWith("long"), `${answered} answered`);
  });
}

test("a hundred thousand arguments are no matter of the stack", async () => {
  const client = createClient({ url: server.url, logger: false });
  const keys = Array.from({ length: 100_000 }, (_, i) => `none:${i}`);
  assert.equal((await client.mget(...keys)).length, keys.length);
  assert.equal(await client.exists(keys), 0);
  await client.close();
});
