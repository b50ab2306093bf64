// What each place of a command takes: input of users that turns out to be an array or an object becomes neither an option
// nor a field, and what a value cannot be is named. What reaches the server is what a peer says that it was sent.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { createClient } from "./connect.mjs";
import { scripted } from "./peers.mjs";

let peer;
let client;
before(async () => {
  peer = await scripted(([name]) => (name === "HELLO" ? undefined : "+OK\r\n"));
  client = createClient({ url: peer.url, logger: false });
  await client.init();
});
after(async () => {
  await client.close();
  peer.close();
});

/** The commands that reach the server, each as one text. */
async function sent(act) {
  peer.commands.length = 0;
  await act();
  return peer.commands.map((words) => words.join(" "));
}

/** The error of a call of which nothing reaches the server. */
async function refused(act, label = String(act)) {
  peer.commands.length = 0;
  const error = await act().then(
    () => assert.fail(`${label} was sent: ${peer.commands}`),
    (error) => error,
  );
  await client.ping();
  assert.deepEqual(peer.commands, [["PING"]], label);
  assert.equal(error.kind, "UsageError", `${label}: ${error.stack}`);
  assert.match(error.message, /Nothing was sent$/);
  return error;
}

test("input in the place of a value becomes no option, no field and no other value", async () => {
  const objects = [{ bob: true, XX: true }, { EX: 1 }, { NX: true }, {}];
  const hostile = [...objects, ["bob", "EX", "1"], ["bob"], [], [["bob"]], true, null];
  for (const input of hostile) {
    for (const act of [
      () => client.set("name", input),
      () => client.set("name", "v", "EX", input),
      () => client.set("name", "v", "NX", "EX", input),
      () => client.set("name", "v", { EX: input ?? true }),
      () => client.set("name", input, { EX: 60 }),
      () => client.get(input),
      () => client.hget("h", input),
      () => client.hset("user", "name", input),
      () => client.hset("user", { name: input }),
      () => client.hset("user", { name: input, role: "none" }),
      () => client.hset("user", "age", 7, "name", input),
      () => client.hset("user", input, "Ada"),
      () => client.hset("user", input, input),
      () => client.hset(input, { a: 1 }),
      () => client.hmset("user", "name", input),
      () => client.mset("name", input),
      () => client.mset(input, "v"),
      () => client.mset({ name: input }),
      () => client.msetnx("a", 1, "name", input),
      () => client.expire("k", input),
      () => client.expire("k", input, "NX"),
      () => client.zadd("z", 1, input),
      () => client.zadd("z", input, "m"),
      () => client.zadd("z", "NX", 1, input),
      () => client.zadd("z", { NX: true }, 1, input),
      () => client.zadd("z", { NX: true }, input),
      () => client.zadd("z", input, input),
      () => client.zincrby("z", input, "m"),
      () => client.zrange("z", 0, input),
      () => client.zrange("z", 0, -1, "LIMIT", 0, input),
      () => client.zrange("z", 0, -1, { LIMIT: [0, input] }),
      () => client.zunion(2, "a", input),
      () => client.zunion(2, ["a", input]),
      () => client.zunion(2, "a", input, { WITHSCORES: true }),
      () => client.zunion(2, "a", "b", { WEIGHTS: [1, input] }),
      () => client.zunion(input, "a", "b"),
      () => client.lmpop(1, "a", input),
      () => client.scan(0, { MATCH: input ?? true }),
      () => client.scan(0, "MATCH", input),
      () => client.setex("k", input, "v"),
      () => client.lpush("list", ["a", input]),
      () => client.del(["a", input]),
      () => client.clientKill("ID", input),
      () => client.call("EVAL", "script", 1, "k", input),
      () => client.call("HSET", "user", input),
      () => client.call("SET", "k", "v", input),
      () => client.bytes.set("name", input),
    ]) {
      await refused(act, `${act} of ${JSON.stringify(input)}`);
    }
  }
});

test("a list of more or fewer keys than its count says is refused: the rest would be options", async () => {
  await refused(() => client.zunion(1, ["a", "WITHSCORES"]));
  await refused(() => client.zinter(3, ["a", "b"]));
  await refused(() => client.zunionstore("d", 1, ["a", "WEIGHTS", "5"]));
  await refused(() => client.zunion("x", ["a"]));
  await refused(() => client.zunion(2, "a", "b", { WEIGHTS: [1, 2, "WITHSCORES"] }));
  await refused(() => client.zrange("z", 0, -1, { LIMIT: [0, 1, "WITHSCORES"] }));
});

test("options, fields, lists and pairs are what they were meant to be in their places", async () => {
  const key = new Uint8Array([107]);
  for (const [act, ...lines] of [
    [() => client.set(key, 1n, { PX: 5, KEEPTTL: false, XX: null, GET: true }), "SET k 1 PX 5 GET"],
    [() => client.set("k", "v", {}), "SET k v"],
    [() => client.set("k", "v", undefined), "SET k v"],
    [() => client.set("k", "v", Object.assign(Object.create(null), { ex: 1 })), "SET k v EX 1"],
    [() => client.set("k", "v", "px", 5, { NX: true }, "get"), "SET k v px 5 NX get"],
    [() => client.set("k", "v", "NEW", 5, "NX"), "SET k v NEW 5 NX"],
    [() => client.getex("k", { PERSIST: true }), "GETEX k PERSIST"],
    [() => client.expire("k", 5, { GT: true }), "EXPIRE k 5 GT"],
    [() => client.copy("a", "b", { DB: 1, REPLACE: true }), "COPY a b DB 1 REPLACE"],
    [() => client.scan(0, { MATCH: "a*", COUNT: 5, TYPE: "hash" }), "SCAN 0 MATCH a* COUNT 5 TYPE hash"],
    [() => client.hscan("h", 0, { NOVALUES: true }), "HSCAN h 0 NOVALUES"],
    [() => client.lpos("l", "e", { RANK: -1 }), "LPOS l e RANK -1"],
    [() => client.lcs("a", "b", { IDX: true, MINMATCHLEN: 4 }), "LCS a b IDX MINMATCHLEN 4"],
    [() => client.restore("k", 0, "x", { REPLACE: true }), "RESTORE k 0 x REPLACE"],
    [() => client.hset("h", { a: 1, __proto__: null, b: key }), "HSET h a 1 b k"],
    [() => client.hset("h", JSON.parse('{"__proto__":"p"}')), "HSET h __proto__ p"],
    [() => client.hset("h", ["a", 1, "b", 2]), "HSET h a 1 b 2"],
    [() => client.hset("h", { a: 1, b: 2 }, "c", 3), "HSET h a 1 b 2 c 3"],
    [() => client.hset("h", "a", 1, "b", 2), "HSET h a 1 b 2"],
    [() => client.mset({ a: -0, b: 1e21 }), "MSET a 0 b 1e+21"],
    [() => client.msetnx(["a", "1"]), "MSETNX a 1"],
    [() => client.del("a", ["b", "c"], "d"), "DEL a b c d"],
    [() => client.sadd("s", ["a"], "b", [1n, key]), "SADD s a b 1 k"],
    [() => client.zadd("z", [1, "a", 2, "b"]), "ZADD z 1 a 2 b"],
    [() => client.zadd("z", "GT", "CH", 1, "a"), "ZADD z GT CH 1 a"],
    [() => client.zadd("z", { INCR: true, NX: false }, Infinity, "a"), "ZADD z INCR Infinity a"],
    [() => client.zrange("z", 0, -1, { REV: true, LIMIT: [0, 5] }), "ZRANGE z 0 -1 REV LIMIT 0 5"],
    [() => client.zrank("z", "m", { WITHSCORE: true }), "ZRANK z m WITHSCORE"],
    [() => client.zunion(2, "a", "b", "WEIGHTS", 1, 2), "ZUNION 2 a b WEIGHTS 1 2"],
    [() => client.zunion("2", ["a", "b"], { WEIGHTS: [1, 2] }), "ZUNION 2 a b WEIGHTS 1 2"],
    [() => client.zinterstore("d", 1, "a", { AGGREGATE: "MAX" }), "ZINTERSTORE d 1 a AGGREGATE MAX"],
    [() => client.zdiff(1, ["a"], "WITHSCORES"), "ZDIFF 1 a WITHSCORES"],
    [() => client.sintercard(2, ["a", "b"], { LIMIT: 5 }), "SINTERCARD 2 a b LIMIT 5"],
    [() => client.lmpop(1, ["a"], "LEFT", { COUNT: 2 }), "LMPOP 1 a LEFT COUNT 2"],
    [() => client.zmpop(2, "a", "b", "MIN", { COUNT: 2 }), "ZMPOP 2 a b MIN COUNT 2"],
    [() => client.zmpop(2, "a", "b", "MIN", "COUNT", 2), "ZMPOP 2 a b MIN COUNT 2"],
    [() => client.clientKill({ ID: 5, SKIPME: "no" }), "CLIENT KILL ID 5 SKIPME no"],
    [() => client.clientKill("TYPE", "normal", { SKIPME: "no" }), "CLIENT KILL TYPE normal SKIPME no"],
    [() => client.clientList(), "CLIENT LIST"],
    [() => client.lpop("l", undefined), "LPOP l"],
    [() => client.call("SET", "k", 1, "EX", 5n), "SET k 1 EX 5"],
  ]) {
    assert.deepEqual(await sent(act), lines, String(act));
  }
});

test("what is wrong is named: the argument, the field, the option that was meant; and no content", async () => {
  for (const [act, expected] of [
    [() => client.hset("u", { name: "Ada", admin: true, active: true }), /^HSET: argument 2 is .*field admin is true/],
    [() => client.hset("u", { name: "Ada", admin: false }), /field admin is false/],
    [() => client.hset("u", { nick: undefined }), /field nick is undefined/],
    [() => client.hset("u", { a: 1, nick: null }), /field nick is null/],
    [() => client.hset("u", { address: { street: "s3cret" } }), /field address is an object/],
    [() => client.hset("u", { tags: ["s3cret"] }), /field tags is an array/],
    [() => client.hset("u", { n: Number.NaN }), /field n is NaN/],
    [() => client.hset("u", { born: new Date() }), /field born is an instance of Date/],
    [() => client.hset("u", "name", "Ada", "admin", true), /argument 5 is true, as the value of field admin/],
    [() => client.mset({ "flag:a": 1, "flag:b": true }), /field flag:b is true/],
    [() => client.mset({ "s3cret-key": true }), /field number 1 is true/],
    [() => client.call("SET", "k", { s3cret: 1 }), /objects and arrays stand only where a method takes options/],
    [() => client.msetnx({ a: 1, b: true }), /field b is true/],
    [() => client.hset("u", {}), /argument 2 is an object without fields/],
    [() => client.hset("u", ["a"]), /argument 2 is an array that holds no pairs/],
    [() => client.hset("u", ["a", true]), /argument 2 is an array that holds true/],
    [() => client.hset("u", { a: 1 }, "c"), /argument 2 is an object in the place of a field/],
    [() => client.hset("u", { a: 1 }, { c: 3 }), /argument 2 is an object in the place of a field/],
    [() => client.set("k", "v", { EXX: 60 }), /unknown option EXX \(did you mean EX\?\)/],
    [() => client.set("k", "v", { constructor: 1 }), /unknown option CONSTRUCTOR/],
    [() => client.set("k", "v", { NX: "GET" }), /option NX is neither true nor false/],
    [() => client.set("k", "v", { EX: true }), /option EX is true/],
    [() => client.set("k", "v", { EX: ["1", "NX"] }), /option EX is an array/],
    [() => client.set("k", "v", ["EX", 60]), /argument 3 is an array/],
    [() => client.set("k", "v", "EX", { NX: true }), /argument 4 is an object/],
    [() => client.set("k", "v", "NEW", { NX: true }), /argument 4 is an object/],
    [() => client.set("k", new Map()), /argument 2 is an instance of Map/],
    [() => client.set("k", new (class extends Date {})()), /argument 2 is an instance of a class/],
    [() => client.set("k", Symbol("s3cret")), /argument 2 is a symbol/],
  ]) {
    const { message } = await refused(act);
    assert.match(message, expected);
    assert.ok(!message.includes("s3cret"), message);
  }
});

test("what throws while it is read, or changes meanwhile, leaves nothing behind", async () => {
  const key = new Uint8Array([107]);
  const thrown = new Error("thrown by a getter");
  const throwing = {
    get field() {
      throw thrown;
    },
  };
  const trap = () => {
    throw thrown;
  };
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const holding = Object.defineProperty(["a"], 1, { get: trap, enumerable: true });
  for (const act of [
    () => client.hset("balance:alice", throwing),
    () => client.mset(throwing),
    () => client.set("balance:alice", "1", throwing),
    () => client.set("balance:alice", "1", new Proxy({ EX: 1 }, { ownKeys: trap })),
    () => client.hset("balance:alice", revoked.proxy),
    () => client.set("balance:alice", revoked.proxy),
    () => client.call("SET", "balance:alice", revoked.proxy),
    () => client.sadd("balance:alice", holding),
    () => client.zrange("z", 0, -1, { LIMIT: holding }),
  ]) {
    // Whoever calls next must not find half of it.
    const before = client.incr("n");
    const failed = act();
    const next = client.get("xx");
    const error = await failed.catch((error) => error);
    await Promise.all([before, next]);
    assert.equal(error.kind, "UsageError", String(act));
    assert.ok(error.cause === thrown || act.toString().includes("revoked"), String(act));
    assert.deepEqual(peer.commands.slice(-2), [
      ["INCR", "n"],
      ["GET", "xx"],
    ]);
  }
  const lines = await sent(() =>
    client.hset("h", {
      get a() {
        client.get("within");
        return 1;
      },
    }),
  );
  assert.deepEqual(lines, ["GET within", "HSET h a 1"]);
  const taken = new Uint8Array([1, 2]);
  const taking = {
    first: taken,
    get second() {
      structuredClone(taken, { transfer: [taken.buffer] });
      return 1;
    },
  };
  assert.match((await refused(() => client.mset(taking))).message, /transferred away/);
  const growing = [key];
  Object.defineProperty(growing, 1, { get: () => growing.push("more") && "b", enumerable: true });
  assert.deepEqual(await sent(() => client.sadd("s", growing)), ["SADD s k b more"]);
});

test("bytes are what their memory holds, whatever they say of themselves", async () => {
  class Lying extends Uint8Array {
    get length() {
      return 12;
    }
  }
  class Throwing extends Uint8Array {
    get length() {
      throw new Error("length");
    }
  }
  const own = Object.defineProperty(new Uint8Array([65]), "length", { value: 20_000 });
  for (const bytes of [new Lying([65]), new Throwing([65]), own, Buffer.from("A")])
    assert.deepEqual(await sent(() => client.set("k", bytes)), ["SET k A"]);
  const tracking = new ArrayBuffer(1, { maxByteLength: 200 });
  const view = new Uint8Array(tracking);
  view[0] = 65;
  const growing = sent(() => client.set("k", view));
  tracking.resize(200);
  assert.deepEqual(await growing, ["SET k A"]);
  const shrunk = new ArrayBuffer(100, { maxByteLength: 200 });
  const behind = new Uint8Array(shrunk, 50, 50);
  shrunk.resize(10);
  const error = await refused(() => client.set("balance:alice", behind));
  assert.match(error.message, /argument 2 is a Uint8Array that was transferred away, or whose memory/);
  await refused(() => client.set("k", new Proxy(new Uint8Array(3), {})));
  assert.deepEqual(await sent(() => client.set("k", new Uint8Array(0))), ["SET k "]);
});
