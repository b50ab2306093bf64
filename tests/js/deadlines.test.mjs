// Servers that keep silent, die, or cut a connection under load: each command ends in time, and each reply has its owner.
import assert from "node:assert/strict";
import test from "node:test";
import { startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";
import { scripted, silent } from "./peers.mjs";
import { startWatched } from "./servers.mjs";

const logger = false;
const caught = (promise) =>
  promise.then(
    (value) => value,
    (error) => error,
  );

/** Keeps the server busy for so many milliseconds: it answers nobody meanwhile. */
const busy = `
  local function now() local t = redis.call('TIME'); return t[1] * 1000 + t[2] / 1000 end
  local start = now()
  while now() - start < tonumber(ARGV[1]) do end
  return 'done'`;

test("a server that falls silent: TimeoutError of phase reply at the deadline, sent maybe", async (t) => {
  const { server } = await startWatched(t);
  const client = createClient({ url: server.url, logger, timeouts: { command: 200, connect: 300 } });
  t.after(() => client.close());
  await client.ping();
  server.pause();
  const start = performance.now();
  const error = await caught(client.set("k", "v"));
  const took = performance.now() - start;
  server.resume();
  assert.deepEqual(
    [error.kind, error.phase, error.sent, error.command, error.code],
    ["TimeoutError", "reply", "maybe", "SET", "EDGIS_TIMEOUT"],
  );
  assert.ok(took >= 195 && took < 1_500, `${took} ms`);
  assert.equal(client.stats().timeouts, 1);
});

test("each handle's own deadline holds for its commands on the shared link", async (t) => {
  const { server } = await startWatched(t);
  const slow = createClient({ url: server.url, logger, timeouts: { command: "20s" } });
  const fast = slow.with({ timeouts: { command: 150 } });
  t.after(() => Promise.all([slow.close(), fast.close()]));
  await Promise.all([slow.ping(), fast.ping()]);
  const start = performance.now();
  const patient = slow.call("EVAL", busy, 0, 1_500);
  const error = await caught(fast.set("k", "hasty"));
  assert.deepEqual([error.kind, error.phase], ["TimeoutError", "reply"]);
  assert.ok(performance.now() - start < 1_400, "it did not wait for the slow one");
  assert.equal(await patient, "done");
});

test("a reply that comes after its deadline is nobody else's", async (t) => {
  const { server, observer } = await startWatched(t);
  await observer.ask("SET", "big", "B".repeat(3_000_000));
  for (let i = 0; i < 50; i += 1) await observer.ask("RPUSH", "list", `item ${i}`);
  const client = createClient({ url: server.url, logger, timeouts: { command: 150, connect: "20s" } });
  const patient = client.with({ timeouts: { command: "20s" } });
  t.after(() => Promise.all([client.close(), patient.close()]));
  await patient.ping();
  for (let round = 0; round < 5; round += 1) {
    const sleep = patient.call("EVAL", busy, 0, 300);
    const late = [
      client.get("big"),
      client.lrange("list", 0, -1),
      client.get("list"),
      client.hgetall("none"),
      client.incr("late"),
    ];
    const mine = Array.from({ length: 20 }, (_, i) => patient.echo(`mine ${round} ${i}`));
    const errors = await Promise.all(late.map(caught));
    for (const error of errors) assert.equal(error.kind, "TimeoutError");
    assert.equal(await sleep, "done");
    for (const [i, reply] of (await Promise.all(mine)).entries()) assert.equal(reply, `mine ${round} ${i}`);
    assert.equal(await patient.get("late"), String(round + 1));
  }
  assert.equal(client.stats().connects, 1);
});

test("a large reply of which half has come when its deadline passes", async (t) => {
  const value = "x".repeat(200_000);
  let finish;
  const answered = (key) => `$${key.length}\r\n${key}\r\n`;
  const peer = await scripted(([name, key], socket) => {
    if (name !== "GET") return undefined;
    if (key === "another") return answered(key);
    if (key === "big") {
      const reply = `*2\r\n$${value.length}\r\n${value}\r\n$${value.length}\r\n${value}\r\n`;
      socket.write(reply.slice(0, 300_000));
      finish = () => socket.write(reply.slice(300_000) + answered("next"));
    }
    return "";
  });
  t.after(() => peer.close());
  const client = createClient({ url: peer.url, logger, timeouts: { command: 100 } });
  const patient = client.with({ timeouts: { command: "20s" } });
  t.after(() => Promise.all([client.close(), patient.close()]));
  await client.init();
  const late = caught(client.get("big"));
  const next = patient.get("next");
  assert.equal((await late).kind, "TimeoutError");
  finish();
  assert.equal(await next, "next");
  assert.equal(await client.get("another"), "another");
});

test("a dial to a silent peer ends within the connect budget, and what waited for it is told", async (t) => {
  const peer = await silent();
  t.after(() => peer.close());
  const client = createClient({ url: peer.url, logger, timeouts: { connect: 200 } });
  t.after(() => client.close());
  const start = performance.now();
  const errors = await Promise.all([client.get("a"), client.set("b", 1), client.call("PING")].map(caught));
  const took = performance.now() - start;
  assert.ok(took >= 190 && took < 1_500, `${took} ms`);
  for (const error of errors) {
    assert.ok(["DisabledError", "TimeoutError"].includes(error.kind), error.kind);
    assert.equal(
      error.kind === "DisabledError" ? error.reason : error.phase,
      error.kind === "DisabledError" ? "timeout" : "connect",
    );
  }
  assert.equal((await client.init()).reason, "timeout");
});

test("a link that went silent is replaced when another answers", async (t) => {
  let stuck;
  const peer = await scripted(([name], socket) => {
    if (["HELLO", "CLIENT", "PING"].includes(name)) return undefined;
    stuck ??= socket;
    return socket === stuck ? "" : "+fine\r\n";
  });
  t.after(() => peer.close());
  const client = createClient({ url: peer.url, logger, timeouts: { command: 150, connect: "5s" } });
  t.after(() => client.close());
  await client.init();
  assert.equal((await caught(client.call("SET", "a", 1))).kind, "TimeoutError");
  const until = performance.now() + 10_000;
  while ((await caught(client.call("ECHO", "x"))) !== "fine") assert.ok(performance.now() < until);
  assert.equal(peer.accepted, 2);
  assert.equal(client.status().state, "ready");
});

test("kill -9 under load: reads are sent again, writes are lost with sent maybe, and every promise settles", async (t) => {
  const server = await startRedis();
  const client = createClient({ url: server.url, logger, timeouts: { connect: "10s", command: "5s" } });
  t.after(() => client.close());
  await client.set("k", "v");
  server.pause();
  const reads = Array.from({ length: 500 }, () => caught(client.get("k")));
  const writes = Array.from({ length: 500 }, () => caught(client.incr("n")));
  await new Promise(setImmediate);
  await server.kill();
  for (const error of await Promise.all(writes)) {
    assert.deepEqual([error.kind, error.sent, error.code], ["ConnectionLostError", "maybe", "EDGIS_CONNECTION_LOST"]);
  }
  const outcomes = new Set((await Promise.all(reads)).map((outcome) => outcome?.kind ?? outcome));
  assert.deepEqual([...outcomes], ["DisabledError"], "there was no server to send them to");
  await server.restart();
  t.after(() => server.stop());
  await client.ready();
  assert.equal(await client.get("n"), null);
});

test("CLIENT KILL in the middle of the load: reads are answered, no write is done twice", async (t) => {
  const { server, observer } = await startWatched(t);
  const client = createClient({
    url: server.url,
    logger,
    offline: "wait",
    timeouts: { connect: "20s", command: "20s" },
  });
  t.after(() => client.close());
  await client.set("k", "v");
  let lost = 0;
  let done = 0;
  for (let round = 0; round < 6; round += 1) {
    const reads = Array.from({ length: 200 }, () => client.get("k"));
    const writes = Array.from({ length: 200 }, () => caught(client.incr("n")));
    if (round % 2 === 0) await new Promise(setImmediate);
    await observer.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    for (const value of await Promise.all(reads)) assert.equal(value, "v");
    for (const outcome of await Promise.all(writes)) {
      if (typeof outcome === "number") done += 1;
      else {
        assert.deepEqual([outcome.kind, outcome.sent], ["ConnectionLostError", "maybe"]);
        lost += 1;
      }
    }
  }
  const counted = Number(await observer.ask("GET", "n"));
  assert.ok(counted >= done && counted <= done + lost, `${done} done, ${lost} lost, ${counted} counted`);
  assert.equal(done + lost, 1_200);
  assert.ok(client.stats().connects >= 2);
});

test("a server that hangs up at every command ends every command, reads too", async (t) => {
  const peer = await scripted(([name], socket) => {
    if (name === "HELLO" || name === "CLIENT") return undefined;
    socket.destroy();
    return "";
  });
  t.after(() => peer.close());
  const client = createClient({ url: peer.url, logger });
  t.after(() => client.close());
  const errors = await Promise.all([client.get("a"), client.set("a", 1), client.mget("b")].map(caught));
  for (const error of errors) assert.ok(["ConnectionLostError", "DisabledError"].includes(error.kind), error.kind);
  assert.equal(errors[1].kind === "ConnectionLostError" ? errors[1].sent : "no", errors[1].sent);
});

test("bytes that are not RESP: ProtocolError for what was in flight, and the next command redials", async (t) => {
  let nonsense = true;
  const peer = await scripted(([name]) => {
    if (["HELLO", "CLIENT", "PING"].includes(name)) return undefined;
    return nonsense ? "?what\r\n" : "+fine\r\n";
  });
  t.after(() => peer.close());
  const client = createClient({ url: peer.url, logger });
  t.after(() => client.close());
  await client.init();
  const error = await caught(client.set("a", 1));
  assert.deepEqual(
    [error.kind, error.sent, error.code, error.command],
    ["ProtocolError", "maybe", "EDGIS_PROTOCOL", "SET"],
  );
  nonsense = false;
  assert.equal(await client.ready({ timeout: "10s" }), client);
  assert.equal(await client.call("SET", "a", 1), "fine");
  assert.equal(peer.accepted, 2);
});

test("an announced length or depth beyond the limits is a ProtocolError before memory is taken", async () => {
  const announced = [
    "$536870913\r\n",
    "$-2\r\n",
    "*1\r\n".repeat(65),
    "$?\r\n",
    "*99999999999\r\n",
    `:${"1".repeat(40_000)}`,
  ];
  for (const bytes of announced) {
    const peer = await scripted(([name]) => (name === "SET" ? bytes : undefined));
    const client = createClient({ url: peer.url, logger });
    await client.init();
    const before = process.memoryUsage();
    assert.equal((await caught(client.set("a", 1))).kind, "ProtocolError", bytes.slice(0, 20));
    const { arrayBuffers, external } = process.memoryUsage();
    assert.ok(arrayBuffers + external - before.arrayBuffers - before.external < 40 << 20);
    await client.close();
    await peer.close();
  }
});

test("limits.bulk, limits.nesting, limits.staged and limits.stagedBytes hold", async (t) => {
  const { server } = await startWatched(t);
  const small = createClient({ url: server.url, logger, limits: { bulk: 1_000, nesting: 2 }, share: false });
  t.after(() => small.close());
  await small.set("fits", "x".repeat(1_000));
  await small.set("too-long", "x".repeat(1_001));
  assert.equal((await small.get("fits")).length, 1_000);
  assert.equal((await caught(small.get("too-long"))).kind, "ProtocolError");
  await small.ready();
  assert.equal(small.stats().resent, 0, "it would be answered so again");
  assert.deepEqual(await small.call("EVAL", "return {{1}}", 0), [[1]]);
  assert.equal((await caught(small.call("EVAL", "return {{{1}}}", 0))).kind, "ProtocolError");
  const peer = await silent();
  t.after(() => peer.close());
  for (const [limits, count] of [
    [{ staged: 3 }, 3],
    [{ stagedBytes: 100_000 }, 2],
  ]) {
    const client = createClient({ url: peer.url, logger, limits, share: false, timeouts: { connect: 300 } });
    const settled = await Promise.all(Array.from({ length: 5 }, () => caught(client.set("k", "v".repeat(40_000)))));
    const full = settled.filter((error) => error.kind === "DisabledError" && error.reason === "queue-full");
    assert.equal(full.length, 5 - count);
    await client.close();
  }
});

test("close() on a silent server ends within the command deadline", async (t) => {
  const { server, observer } = await startWatched(t);
  const client = createClient({ url: server.url, logger, timeouts: { command: 200 } });
  await client.ping();
  server.pause();
  const start = performance.now();
  const set = caught(client.set("k", 1));
  const get = caught(client.get("k"));
  await client.close();
  const took = performance.now() - start;
  server.resume();
  assert.ok(took < 2_000, `${took} ms`);
  assert.deepEqual([(await set).kind, (await get).kind], ["TimeoutError", "TimeoutError"]);
  await observer.othersBecome(0);
});

test("close() on a link that dies while it drains settles its commands", async (t) => {
  const peer = await scripted(([name], socket) => {
    if (name !== "GET" && name !== "SET") return undefined;
    setTimeout(() => socket.destroy(), 30);
    return "";
  });
  t.after(() => peer.close());
  const client = createClient({ url: peer.url, logger });
  await client.init();
  const outcomes = [caught(client.get("k")), caught(client.set("k", 1))];
  await client.close();
  for (const error of await Promise.all(outcomes)) assert.equal(error.kind, "ConnectionLostError");
  assert.equal(client.status().state, "closed");
});

test("a blocked event loop makes no reply late that has arrived", async (t) => {
  const { server } = await startWatched(t);
  const client = createClient({ url: server.url, logger, timeouts: { command: 100 } });
  t.after(() => client.close());
  await client.ping();
  const replies = [client.set("k", "v"), client.get("k")];
  await new Promise((resolve) => process.nextTick(resolve));
  const until = performance.now() + 400;
  while (performance.now() < until);
  assert.deepEqual(await Promise.all(replies), ["OK", "v"]);
});

test("a reply that comes right after the event loop was blocked is not too late", async (t) => {
  const { server, observer } = await startWatched(t);
  const client = createClient({ url: server.url, logger, timeouts: { command: 100 } });
  t.after(() => client.close());
  await client.ping();
  const outcomes = [];
  // Each machine has moments in which nothing comes in time.
  for (let attempt = 0; attempt < 5 && !outcomes.includes("OK"); attempt += 1) {
    const start = performance.now();
    // 20 ms longer than the event loop: nothing has arrived when the timers have their turn.
    const over = observer.ask("EVAL", busy, 0, 420);
    await new Promise((resolve) => setTimeout(resolve, 10));
    const reply = caught(client.set("k", "v"));
    await new Promise((resolve) => process.nextTick(resolve));
    while (performance.now() - start < 400);
    outcomes.push(await reply);
    await over;
  }
  assert.ok(outcomes.includes("OK"), String(outcomes));
});

test("who has time is answered by a busy server, though others gave it up", async (t) => {
  const { server, observer } = await startWatched(t);
  const client = createClient({ url: server.url, logger, timeouts: { connect: 300, command: 200 } });
  t.after(() => client.close());
  await client.ping();
  const over = observer.ask("EVAL", busy, 0, 1_500);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const patient = client.with({ timeout: "20s" }).incr("n");
  const impatient = await caught(client.get("k"));
  assert.equal(impatient.kind, "TimeoutError");
  await new Promise((resolve) => setTimeout(resolve, 600));
  assert.equal(client.status().state, "disabled");
  assert.equal(await patient, 1);
  await over;
  await client.ready({ timeout: "10s" });
  assert.equal(await client.get("n"), "1");
  await observer.othersBecome(1);
});
