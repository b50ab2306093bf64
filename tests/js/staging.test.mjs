// What is staged behind a link that takes nothing for a while: it can be cancelled, it expires, it is closed and it moves to
// another link, and every reply finds its owner all the same.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";
import { scripted } from "./peers.mjs";

const logger = false;
let server;
test.before(async () => {
  server = await startRedis();
});
test.after(() => server.stop());

async function ready(t, options = {}) {
  const client = createClient({ url: server.url, logger, share: false, timeouts: { command: "20s" }, ...options });
  t.after(() => client.close());
  await client.ping();
  return client;
}

const outcome = (promise) =>
  promise.then(
    (value) => value,
    ({ kind, reason, phase, sent, name }) => [kind ?? name, reason ?? phase, sent].filter(Boolean).join(" "),
  );

const tally = (outcomes) => {
  const counts = {};
  for (const one of outcomes) counts[one] = (counts[one] ?? 0) + 1;
  return counts;
};

const deaths = () => globalThis[Symbol.for("edgis.engine.1")]?.deaths.length ?? 0;

/** More bytes than a socket takes at once, in commands that stay in the core's memory. */
const flood = (client, { count = 2_000, prefix = "flood", size = 16_000 } = {}) => {
  const value = "v".repeat(size);
  return Array.from({ length: count }, (_, i) => outcome(client.set(`${prefix}:${i}`, value)));
};

/** Answers each SET and ECHO, reads nothing until `go()`, and remembers the keys. */
async function slow(t) {
  let isOpen = false;
  const keys = [];
  const peer = await scripted((args) => {
    if (args[0] === "SET") keys.push(args[1]);
    if (args[0] === "SET") return "+OK\r\n";
    return args[0] === "ECHO" ? `+${args[1]}\r\n` : undefined;
  });
  t.after(() => peer.close());
  const stop = () => {
    for (const socket of peer.sockets) if (!isOpen) socket.pause();
  };
  const go = () => {
    isOpen = true;
    for (const socket of peer.sockets) socket.resume();
  };
  return { peer, keys, stop, go };
}

test("an abort in the tick of a flood cancels its command alone, and everybody gets their own reply", async (t) => {
  const client = await ready(t);
  await client.mset({ alice: "alice's", bob: "bob's" });
  for (const frozen of [true, false]) {
    if (frozen) server.pause?.();
    const floods = flood(client);
    const controller = new AbortController();
    const alice = outcome(client.with({ signal: controller.signal }).get("alice"));
    controller.abort();
    const others = Array.from({ length: 50 }, () => outcome(client.get("bob")));
    if (frozen) server.resume?.();
    assert.equal(await alice, "AbortError");
    assert.deepEqual(tally(await Promise.all(others)), { "bob's": 50 });
    assert.deepEqual(tally(await Promise.all(floods)), { OK: 2_000 });
  }
  assert.equal(deaths(), 0);
});

test("an abort hands nothing over that a busy link would have taken by itself", async (t) => {
  const { peer, stop, go } = await slow(t);
  const client = createClient({ url: peer.url, logger, share: false, timeouts: { command: "20s" } });
  t.after(() => client.close());
  await client.ping();
  stop();
  const big = Buffer.alloc(1 << 20, 97);
  const first = Array.from({ length: 10 }, (_, i) => outcome(client.set(`big${i}`, big)));
  await sleep(5);
  const controller = new AbortController();
  const given = Array.from({ length: 500 }, () => outcome(client.with({ signal: controller.signal }).echo("given up")));
  const more = Array.from({ length: 30 }, (_, i) => outcome(client.set(`more${i}`, big)));
  const reads = Array.from({ length: 12_000 }, (_, i) => outcome(client.call("ECHO", `e${i}`)));
  await sleep(5);
  controller.abort();
  setTimeout(go, 30);
  assert.deepEqual(tally(await Promise.all(given)), { AbortError: 500 });
  assert.deepEqual(tally(await Promise.all([...first, ...more])), { OK: 40 });
  assert.deepEqual(
    await Promise.all(reads),
    reads.map((_, i) => `e${i}`),
  );
});

test("close() in the tick of a flood sends what was staged before it", async (t) => {
  const observer = await ready(t);
  await observer.flushdb?.();
  const client = await ready(t);
  const floods = flood(client, { prefix: "closed" });
  const closing = client.close();
  const late = outcome(client.set("closed:late", 1));
  assert.equal(await late, "DisabledError closed no");
  await closing;
  assert.deepEqual(tally(await Promise.all(floods)), { OK: 2_000 });
  assert.equal((await observer.keys("closed:*")).length, 2_000);
});

test("what a closed client had staged never reaches another server", async (t) => {
  const [a, b, c] = [await slow(t), await slow(t), await slow(t)];
  const clients = [];
  for (const { peer } of [a, b, c]) {
    const client = createClient({ url: peer.url, logger, timeouts: { command: "5s" } });
    t.after(() => client.close());
    await client.ping();
    clients.push(client);
  }
  b.stop();
  const floods = flood(clients[1], { count: 22_000, prefix: "b", size: 240 });
  const closing = clients[1].close();
  setTimeout(() => {
    for (const socket of b.peer.sockets) socket.resetAndDestroy();
    b.go();
  }, 20);
  const echoes = [];
  for (let i = 0; i < 60; i += 1) {
    echoes.push(outcome(clients[2].call("ECHO", `mine${i}`)));
    await sleep(5);
  }
  await closing;
  assert.deepEqual(
    await Promise.all(echoes),
    echoes.map((_, i) => `mine${i}`),
  );
  assert.deepEqual([...a.keys, ...c.keys], []);
  await Promise.all(floods);
  assert.equal(deaths(), 0);
});

test("deadlines count from the call while a link drains slowly", async (t) => {
  let taken = 0;
  const peer = await scripted((args) => (args[0] === "SET" ? "+OK\r\n" : undefined));
  t.after(() => peer.close());
  // A link so slow would count as stalled.
  const limits = { staged: 100_000, stagedBytes: 2 ** 30 };
  const client = createClient({ url: peer.url, logger, share: false, limits, timeouts: { command: "20s" } });
  t.after(() => client.close());
  await client.ping();
  const [socket] = peer.sockets;
  socket.pause();
  const feed = setInterval(() => {
    socket.resume();
    setImmediate(() => socket.pause());
    taken += 1;
  }, 10);
  const value = Buffer.alloc(2_000, 98);
  const floods = Array.from({ length: 10_000 }, (_, i) => outcome(client.set(`${"k".repeat(200)}${i}`, value)));
  const started = performance.now();
  // How late timers are by themselves, on a busy machine.
  const timer = sleep(100).then(() => performance.now() - started - 100);
  const given = await outcome(client.with({ timeout: "100ms" }).get("k"));
  const waited = performance.now() - started;
  const late = await timer;
  clearInterval(feed);
  // The kernel may have taken it already.
  assert.match(given, /^TimeoutError (queue no|reply maybe)$/);
  assert.ok(waited >= 95 && waited - late < 1_200, `${waited} ms, of which timers were late for ${late}`);
  assert.ok(taken > 0);
  setImmediate(() => socket.resume());
  assert.deepEqual(tally(await Promise.all(floods)), { OK: 10_000 });
});

test("behind a link that takes nothing no more waits than the limits say", async (t) => {
  const { peer, stop, go } = await slow(t);
  const limits = { staged: 100 };
  const client = createClient({ url: peer.url, logger, share: false, limits, timeouts: { command: "20s" } });
  t.after(() => client.close());
  await client.ping();
  stop();
  const first = flood(client, { count: 20, size: 1 << 20 });
  await sleep(5);
  const more = flood(client, { count: 300, prefix: "more", size: 10 });
  // The last ones are told, those before them when the link goes on.
  assert.equal(await more.at(-1), "DisabledError queue-full no");
  go();
  const { OK: answered, ...others } = tally(await Promise.all([...first, ...more]));
  assert.ok(answered >= 100 && answered <= 150, `${answered}`);
  assert.deepEqual(others, { "DisabledError queue-full no": 320 - answered });
});

test("what a link does not take goes to the link that replaces it", async (t) => {
  const { peer, stop, go } = await slow(t);
  const client = createClient({ url: peer.url, logger, share: false, timeouts: { command: "20s" } });
  t.after(() => client.close());
  await client.ping();
  stop();
  // Nothing comes back: the link is doubted, and another one answers.
  const hasty = outcome(client.with({ timeout: "500ms" }).get("k"));
  await sleep(5);
  const first = flood(client, { count: 20, size: 1 << 20 });
  await sleep(5);
  const held = Array.from({ length: 100 }, (_, i) => outcome(client.call("ECHO", `held${i}`)));
  assert.equal(await hasty, "TimeoutError reply maybe");
  assert.deepEqual(
    await Promise.all(held),
    held.map((_, i) => `held${i}`),
  );
  assert.equal(peer.accepted, 2);
  go();
  await Promise.all(first);
});

test("a ready link takes any number of commands in a tick, in any form", async (t) => {
  const client = await ready(t);
  for (const count of [9_000, 25_000, 60_000]) {
    for (const read of [() => client.call("GET", "none"), () => client.get("none"), () => client.exists("none")]) {
      const answers = tally(await Promise.all(Array.from({ length: count }, () => outcome(read()))));
      assert.equal(Object.values(answers)[0], count, JSON.stringify(answers));
    }
  }
  const fields = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`some:key:${i}`, `value ${i}`]));
  const big = Buffer.alloc(1 << 20, 97);
  const answers = [client.mset(fields), ...Array.from({ length: 20 }, (_, i) => client.set(`b${i}`, big))];
  assert.deepEqual(tally(await Promise.all(answers.map(outcome))), { OK: 21 });
});

test("a command larger than a segment arrives whole, with all that is known of it", async (t) => {
  for (const protocol of [3, 2]) {
    const client = await ready(t, { protocol });
    const texts = Array.from({ length: 40_000 }, (_, i) => `${["a", "ä", "日", "🙂"][i % 4]}${i}`);
    const bytes = Array.from({ length: 3_000 }, (_, i) => Buffer.alloc(i % 300, i));
    const items = [...texts, ...bytes, "x".repeat(20_000), ...texts];
    assert.equal(await client.del("large").then(() => client.rpush("large", ...items)), items.length);
    const stored = await client.bytes.lrange("large", 0, -1);
    assert.equal(stored.length, items.length);
    const differs = items.findIndex((item, i) => Buffer.compare(Buffer.from(item), Buffer.from(stored[i])) !== 0);
    assert.equal(differs, -1);

    await client.zadd("scores", 1.5, "a");
    const keys = Array.from({ length: 30_000 }, (_, i) => `scores${i === 29_999 ? "" : i}`);
    const union = await client.call("ZUNION", keys.length, ...keys, "WITHSCORES");
    assert.deepEqual(union, [["a", 1.5]], `RESP${protocol}`);

    const streams = Array.from({ length: 40_000 }, (_, i) => `stream${i}`);
    const ids = streams.map(() => "0");
    assert.equal(await client.call("XREAD", "COUNT", 1, "STREAMS", ...streams, ...ids), null);
    const blocking = await outcome(client.call("XREAD", "BLOCK", 0, "STREAMS", ...streams, ...ids));
    assert.match(blocking, /^UsageError/);
  }
});

test("a command at the edge of a segment is known by all of its arguments", async (t) => {
  for (const protocol of [3, 2]) {
    const client = await ready(t, { protocol });
    await client.del("z").then(() => client.zadd("z", 1, "a", 2, "b"));
    const plain = await client.call("ZRANGE", "z", 0, -1, "WITHSCORES");
    for (let room = 0; room < 40; room += 1) {
      // Leaves so many units of the segment's text for what comes behind.
      const filled = [];
      for (let left = 65_536 - room; left > 0; ) {
        const length = Math.min(left, 10_000);
        filled.push(client.set("p", "v".repeat(Math.max(0, length - "SET\np\n\n".length))));
        left -= Math.max(length, "SET\np\n\n".length);
      }
      const refused = ["REPLY OFF", "TRACKING ON"].map((words) => outcome(client.call("CLIENT", ...words.split(" "))));
      const range = client.call("ZRANGE", "z", 0, -1, "WITHSCORES");
      const echo = client.call("ECHO", `room ${room}`);
      for (const one of await Promise.all(refused)) assert.match(one, /^UsageError/);
      assert.deepEqual(await range, plain);
      assert.equal(await echo, `room ${room}`);
      await Promise.all(filled);
    }
  }
});

test("an argument that cannot be read leaves nothing of its command behind", async (t) => {
  const client = await ready(t);
  const buffer = new ArrayBuffer(100, { maxByteLength: 200 });
  const beyond = new Uint8Array(buffer, 50, 50);
  const liar = new Proxy(new Uint8Array(4), {
    get(target, key) {
      if (key === Symbol.iterator) throw new Error("no");
      return Reflect.get(target, key, target);
    },
  });
  buffer.resize?.(10);
  for (let held = 0; held < 12; held += 1) {
    const waiting = Array.from({ length: held }, () => client.get("held"));
    const broken = [outcome(client.set("balance:alice", beyond)), outcome(client.set("balance:alice", liar))];
    const mine = outcome(client.call("ECHO", `after ${held}`));
    assert.equal(await mine, `after ${held}`);
    await Promise.all([...waiting, ...broken]);
  }
  assert.equal(deaths(), 0);
});
