// Arguments, refusals and errors: what reaches the server, and what is told before anything is sent.
import assert from "node:assert/strict";
import test, { after, before, beforeEach } from "node:test";
import { startRedis } from "edgis/testing";
import { createClient, isRedisError, ReplyError, UsageError } from "./connect.mjs";
import { observe } from "./observer.mjs";
import { scripted } from "./peers.mjs";

let server;
let observer;
let client;

before(async () => {
  server = await startRedis();
  observer = await observe(server);
  client = createClient({ url: server.url, logger: false });
  await client.init();
});
after(async () => {
  await client.close();
  observer.close();
  await server.stop();
});
beforeEach(() => observer.ask("FLUSHALL"));

/** What arrives at the server, told by a script that gives its arguments back. */
const echoed = (...args) => client.call("EVAL", "return ARGV", "0", ...args);

test("arguments are strings, numbers, bigints and bytes, each as Redis reads it", async () => {
  const bytes = new Uint8Array([104, 105]);
  const sent = [
    "text",
    1,
    -1.5,
    1e21,
    2 ** 53,
    123456789012345678901234567890n,
    -7n,
    bytes,
    Buffer.from("buffer"),
    -0,
    Infinity,
    -Infinity,
    "",
  ];
  const arrived = [
    "text",
    "1",
    "-1.5",
    "1e+21",
    "9007199254740992",
    "123456789012345678901234567890",
    "-7",
    "hi",
    "buffer",
    "0",
    "Infinity",
    "-Infinity",
    "",
  ];
  assert.deepEqual(await echoed(...sent), arrived);
});

test("options may be positional, as in ioredis, or objects, as in node-redis", async () => {
  assert.equal(await client.set("a", "1", "EX", 60), "OK");
  assert.equal(await client.set("b", "1", { EX: 60, NX: true }), "OK");
  assert.equal(await client.set("b", "2", { NX: true }), null);
  assert.equal(await client.set("b", "3", { get: true, ex: undefined }), "1");
  assert.ok((await client.ttl("a")) > 50 && (await client.ttl("b")) === -1);
  assert.equal(await client.hset("h", { a: 1, b: 2n }), 2);
  assert.equal(await client.hset("h", "c", 3), 1);
  assert.deepEqual(await client.hgetall("h"), { a: "1", b: "2", c: "3" });
  assert.equal(await client.mset({ x: 1, y: 2 }), "OK");
  assert.deepEqual(await client.mget(["x", "y"], "none"), ["1", "2", null]);
  assert.equal(await client.del(["x", "y"]), 2);
  assert.equal(await client.zadd("z", { GT: true, CH: true }, 1, "m"), 1);
});

test("an argument of a wrong type is a UsageError with its position, and nothing is sent", async () => {
  const before = Number(await observer.info("stats", "total_commands_processed"));
  class Point {}
  const wrong = [
    undefined,
    null,
    Number.NaN,
    true,
    false,
    () => {},
    Symbol("s"),
    new Date(),
    new Map(),
    new Point(),
    /x/,
    new ArrayBuffer(1),
    new Float32Array(1),
    Promise.resolve(1),
  ];
  for (const value of wrong) {
    for (const attempt of [
      () => client.call("SET", "key", value),
      () => client.set("key", value),
      () => client.set("key", "v", "EX", value),
      () => client.get(value),
      () => client.bytes.get(value),
      () => client.mget(["a", [value]]),
    ]) {
      const error = await attempt().catch((error) => error);
      assert.equal(error.kind, "UsageError", String(value?.constructor?.name));
      assert.ok(
        error instanceof UsageError && isRedisError(error) && error.code === "EDGIS_USAGE" && error.sent === "no",
      );
      assert.match(error.message, /^(SET|GET|MGET): argument \d is .*Nothing was sent/);
    }
  }
  assert.match((await client.set("key", undefined).catch((error) => error)).message, /argument 2 is undefined/);
  assert.match((await client.get(null).catch((error) => error)).message, /argument 1 is null/);
  await assert.rejects(client.hset("h", { a: { b: 1 } }), { kind: "UsageError" });
  await assert.rejects(client.hset("h", { a: Number.NaN }), { kind: "UsageError" });
  for (const name of ["", undefined, 7, ["GET"], {}])
    await assert.rejects(client.call(name, "k"), { kind: "UsageError" });
  // INFO asked for the figure itself.
  assert.equal(Number(await observer.info("stats", "total_commands_processed")) - before, 1);
});

test("what would break a shared link is refused with the API to use instead, and nothing is sent", async () => {
  const before = Number(await observer.info("stats", "total_commands_processed"));
  const id = client.stats().connects;
  const refused = [
    "SUBSCRIBE c",
    "psubscribe c",
    "SSUBSCRIBE c",
    "UNSUBSCRIBE",
    "MONITOR",
    "MULTI",
    "EXEC",
    "DISCARD",
    "WATCH k",
    "UNWATCH",
    "SELECT 1",
    "AUTH x",
  ];
  refused.push(
    "HELLO 3",
    "RESET",
    "QUIT",
    "CLIENT REPLY OFF",
    "client reply SKIP",
    "CLIENT TRACKING ON",
    "CLIENT CACHING YES",
    "SYNC",
    "PSYNC ? -1",
    "REPLCONF x",
    "READONLY",
    "READWRITE",
    "ASKING",
  );
  refused.push(
    "BLPOP k 0",
    "BRPOP k 1",
    "BLMOVE a b LEFT LEFT 0",
    "BRPOPLPUSH a b 0",
    "BZPOPMIN k 0",
    "BZPOPMAX k 0",
    "BLMPOP 0 1 k LEFT",
    "BZMPOP 0 1 k MIN",
    "WAIT 1 0",
    "WAITAOF 0 1 0",
  );
  refused.push(
    "XREAD BLOCK 0 STREAMS s $",
    "XREADGROUP GROUP g c COUNT 1 BLOCK 0 STREAMS s >",
    "xread count 1 block 5 streams s 0",
  );
  for (const line of refused) {
    const [name, ...args] = line.split(" ");
    const error = await client.call(name, ...args).catch((error) => error);
    assert.equal(error.kind, "UsageError", line);
    assert.ok(error.message.length > name.length + 20, error.message);
  }
  assert.equal(Number(await observer.info("stats", "total_commands_processed")) - before, 1);
  assert.equal(client.stats().connects, id);
  // Their relatives that wait for nothing are not.
  await client.call("XADD", "s", "*", "f", "v");
  assert.equal(Object.keys(await client.call("XREAD", "COUNT", 1, "STREAMS", "s", "0")).length, 1);
  assert.equal(await client.clientGetname(), null);
  assert.equal(await client.call("CLIENT", "NO-EVICT", "ON"), "OK");
});

test("a refused command among others leaves the replies of those to whom they belong", async () => {
  const mixed = [];
  for (let i = 0; i < 500; i += 1) {
    mixed.push(
      client.set(`k${i}`, i),
      client.call("SUBSCRIBE", "c").catch((error) => error.kind),
      client.get(`k${i}`),
    );
    mixed.push(client.call("EVAL", "return redis.error_reply('MINE ' .. ARGV[1])", 0, i).catch((error) => error.code));
  }
  const settled = await Promise.all(mixed);
  for (let i = 0; i < 500; i += 1)
    assert.deepEqual(settled.slice(4 * i, 4 * i + 4), ["OK", "UsageError", String(i), "MINE"]);
});

test("errors of the server are ReplyErrors, with its prefix, the command's name and the address", async () => {
  await client.set("text", "x");
  const error = await client.hgetall("text").catch((error) => error);
  assert.ok(error instanceof ReplyError && error instanceof Error);
  assert.deepEqual(
    [error.kind, error.code, error.sent, error.command, error.name],
    ["ReplyError", "WRONGTYPE", "yes", "HGETALL", "ReplyError"],
  );
  assert.equal(error.target, `127.0.0.1:${server.port}`);
  assert.match(error.message, /^WRONGTYPE Operation/);
  await assert.rejects(client.call("NO-SUCH-COMMAND"), { kind: "ReplyError", code: "ERR" });
  const nested = await client.call("EVAL", "return { 1, redis.error_reply('INNER no'), 2 }", 0);
  assert.deepEqual([nested[0], nested[2], nested[1].code], [1, 2, "INNER"]);
});

test("text arrives as Node's own UTF-8 of each argument, lone surrogates at every boundary included", async () => {
  const parts = [
    "",
    "a",
    "é",
    "€",
    "😀",
    "\ud83d",
    "\ude00",
    "\0",
    "\r\n",
    "\ud83d\ud83d",
    "\ude00\ud83d",
    "z\ud83d",
    "\ude00z",
    "\uffff",
    "\u{10ffff}",
    "\n",
    "$3\r\nfoo",
  ];
  const sent = [];
  for (const a of parts) for (const b of parts) sent.push(a + b, a, b);
  const views = await client.bytes.call("EVAL", "return ARGV", "0", ...sent);
  assert.equal(views.length, sent.length);
  views.forEach((view, i) => {
    assert.ok(Buffer.from(sent[i]).equals(view), JSON.stringify(sent[i]));
  });
  const long = "x\ud83d😀\ude00".repeat(20_000);
  assert.equal(await client.set("long", long), "OK");
  assert.equal(await client.get("long"), Buffer.from(long).toString());
  assert.deepEqual(await echoed(long, "tail"), [Buffer.from(long).toString(), "tail"]);
});

test("hundreds of thousands of arguments, and of commands in one tick", async (t) => {
  const patient = client.with({ timeouts: { command: "20s" } });
  t.after(() => patient.close());
  const keys = Array.from({ length: 100_000 }, (_, i) => `key:${i}`);
  assert.equal(await patient.mset(keys.flatMap((key, i) => [key, i])), "OK");
  const values = await patient.mget(keys);
  assert.equal(values.length, keys.length);
  values.forEach((value, i) => {
    assert.equal(value, String(i));
  });
  assert.equal(await patient.del(keys), 100_000);
  const many = await Promise.all(
    Array.from({ length: 200_000 }, (_, i) => (i % 2 === 0 ? patient.set("n", i) : patient.get("n"))),
  );
  many.forEach((reply, i) => {
    assert.equal(reply, i % 2 === 0 ? "OK" : String(i - 1));
  });
});

test("every method sends the command of its name", async (t) => {
  const peer = await scripted(([name]) => (name === "HELLO" ? undefined : "+OK\r\n"));
  t.after(() => peer.close());
  const other = createClient({ url: peer.url, logger: false });
  await other.init();
  t.after(() => other.close());
  const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(other)).filter((name) => /^[a-z]/.test(name));
  const own = new Set([
    "constructor",
    "target",
    "init",
    "connect",
    "ready",
    "status",
    "stats",
    "isOpen",
    "isReady",
    "call",
    "callAll",
    "send",
    "send1",
    "send2",
    "with",
    "bytes",
    "on",
    "off",
    "changed",
    "used",
    "close",
  ]);
  let checked = 0;
  for (const name of methods) {
    if (own.has(name)) continue;
    peer.commands.length = 0;
    await other[name]("a", "b");
    const words = name.startsWith("client")
      ? [
          "CLIENT",
          name
            .slice(6)
            .replace(/(?<=.)([A-Z])/g, "-$1")
            .toUpperCase(),
        ]
      : [name.toUpperCase()];
    assert.deepEqual(peer.commands, [[...words, "a", "b"]], name);
    checked += 1;
  }
  assert.ok(checked > 120, `${checked} methods`);
});
