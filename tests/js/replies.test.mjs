// Replies: their types, their sizes, and that RESP2 gives what RESP3 gives.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import test, { after, before, beforeEach } from "node:test";
import { startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";
import { observe } from "./observer.mjs";
import { proxy, scripted } from "./peers.mjs";

let server;
let observer;
let client;
let resp2;

before(async () => {
  server = await startRedis({ args: ["--proto-max-bulk-len", "64mb", "--client-query-buffer-limit", "128mb"] });
  observer = await observe(server);
  const timeouts = { command: "20s" };
  client = createClient({ url: server.url, logger: false, timeouts });
  resp2 = createClient({ url: server.url, logger: false, timeouts, protocol: 2 });
  await Promise.all([client.init(), resp2.init()]);
});
after(async () => {
  await Promise.all([client.close(), resp2.close()]);
  observer.close();
  await server.stop();
});
beforeEach(() => observer.ask("FLUSHALL"));

test("integers are numbers, and bigints rather than wrong beyond 2^53 - 1", async () => {
  const values = [
    "0",
    "1",
    "-1",
    "2147483647",
    "-2147483648",
    "4294967295",
    "4294967296",
    "-4294967296",
    "9007199254740991",
    "-9007199254740991",
  ];
  for (const value of values)
    assert.equal(
      await client.call("EVAL", `return redis.call("INCRBY", KEYS[1], ARGV[1])`, 1, `i${value}`, value),
      Number(value),
    );
  const large = [2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n];
  for (const value of large) {
    await client.set("large", value);
    assert.equal(await client.incrby("large", 0), value);
  }
  const big = client.with({ integers: "bigint" });
  assert.equal(await big.incr("n"), 1n);
  assert.deepEqual(await big.smismember("none", "a", "b"), [0n, 0n]);
  assert.equal(await client.incr("n"), 2);
  await big.close();
});

test("a map is a plain object in which __proto__ is just a field", async () => {
  for (const one of [client, resp2]) {
    await one.hset("h", ["__proto__", "p", "constructor", "c", "toString", "t", "1", "one", "", "empty"]);
    const all = await one.hgetall("h");
    assert.equal(Object.getPrototypeOf(all), Object.prototype);
    assert.equal(Object.getOwnPropertyDescriptor(all, "__proto__").value, "p");
    assert.deepEqual(Object.keys(all).sort(), ["", "1", "__proto__", "constructor", "toString"]);
    assert.equal({}.p, undefined);
    assert.deepEqual(structuredClone(all), all);
    assert.deepEqual(await one.hgetall("none"), {});
  }
});

test("bytes gives Uint8Arrays, and all byte values survive the round trip", async () => {
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  for (const one of [client, resp2]) {
    assert.equal(await one.set(all, all), "OK");
    const back = await one.bytes.get(all);
    assert.ok(back instanceof Uint8Array && !Buffer.isBuffer(back) && back.length === 256);
    assert.ok(Buffer.from(back).equals(all));
    assert.deepEqual(await one.bytes.keys("*"), [back]);
    await one.hset("h", { f: all });
    assert.deepEqual([...(await one.bytes.hgetall("h"))], [[Uint8Array.of(0x66), back]]);
    assert.equal(one.bytes, one.bytes);
    assert.equal(await one.bytes.get("none"), null);
    assert.equal(await one.bytes.incr("n"), (await one.decr("n")) + 1);
    await observer.ask("FLUSHALL");
  }
});

test("bytes are plain Uint8Arrays, whatever their size, and of a memory of their own", async () => {
  for (const size of [0, 10, 300, 5_000, 70_000, 3_000_000, 17 << 20]) {
    const value = randomBytes(size);
    await client.set("sized", value);
    const [back, [nested]] = [await client.bytes.get("sized"), await client.bytes.mget("sized")];
    for (const got of [back, nested]) {
      assert.equal(Object.getPrototypeOf(got), Uint8Array.prototype, `${size} bytes`);
      assert.ok(value.equals(got));
      assert.equal(structuredClone(got, { transfer: [got.buffer] }).length, size);
    }
  }
});

const pairsOf = (map) => [...map].map(([key, value]) => [Buffer.from(key).toString("latin1"), value]);

test("fields that are no text stay apart with bytes, and a mark at the beginning is part of a text", async () => {
  const fields = ["\xca", "\xcb", "", "\xef\xbb\xbfname", "name", "__proto__", "\xff".repeat(70_000)];
  const named = fields.map((field) => Buffer.from(field, "latin1"));
  for (const one of [client, resp2]) {
    await observer.ask("FLUSHALL");
    await one.hset(
      "h",
      named.flatMap((field, i) => [field, `${i}`]),
    );
    const hash = await one.bytes.hgetall("h");
    assert.ok(hash instanceof Map);
    assert.deepEqual(
      pairsOf(hash)
        .map(([field, value]) => [field, Buffer.from(value).toString()])
        .sort(),
      fields.map((field, i) => [field, `${i}`]).sort(),
    );
    assert.deepEqual(await one.bytes.hgetall("none"), new Map());
    const keys = Object.keys(await one.hgetall("h"));
    assert.ok(keys.includes("\ufeffname") && keys.includes("name"), "text keeps the mark");
    // Streams by name, with entries as they are.
    const names = [Buffer.from("s\xff", "latin1"), Buffer.from("s\xfe", "latin1")];
    for (const name of names) await one.call("XADD", name, "1-1", "f", name);
    const streams = await one.bytes.call("XREAD", "STREAMS", ...names, 0, 0);
    assert.deepEqual(
      pairsOf(streams).map(([name, [[id, [, value]]]]) => [
        name,
        `${Buffer.from(id)}`,
        Buffer.from(value).toString("latin1"),
      ]),
      [
        ["s\xff", "1-1", "s\xff"],
        ["s\xfe", "1-1", "s\xfe"],
      ],
    );
    // Maps within others, and the shapes that go by names.
    const info = new Map(pairsOf(await one.bytes.call("XINFO", "STREAM", names[0], "FULL")));
    assert.ok(info.has("radix-tree-keys") && Array.isArray(info.get("groups")));
    const config = new Map(pairsOf(await one.bytes.call("CONFIG", "GET", "maxmemory")));
    assert.equal(Buffer.from(config.get("maxmemory")).toString(), "0");
  }
});

test("a kept value of bytes is not overwritten by later replies", async () => {
  const random = randomBytes(3_000);
  await client.set("r", random);
  const kept = await Promise.all(Array.from({ length: 50 }, () => client.bytes.get("r")));
  await Promise.all(Array.from({ length: 2_000 }, (_, i) => client.set("other", `${i}`.repeat(100))));
  for (const value of kept) assert.ok(random.equals(value));
});

const sizes = [
  0, 1, 255, 256, 257, 511, 512, 513, 4095, 4096, 4097, 16_383, 16_384, 16_385, 40_959, 40_960, 40_961, 65_535, 65_536,
  65_537, 100_000, 1_048_575, 1_048_577, 5_000_000,
];

for (const [name, letter] of [
  ["ASCII", "x"],
  ["multibyte", "é"],
]) {
  test(`values of every size both ways, alone and nested: ${name}`, async () => {
    for (const one of [client, resp2]) {
      const values = sizes.map(
        (size) => letter.repeat(size / Buffer.byteLength(letter)) + "y".repeat(size % Buffer.byteLength(letter)),
      );
      await Promise.all(values.map((value, i) => one.set(`v${i}`, value)));
      const back = await Promise.all(values.map((_, i) => one.get(`v${i}`)));
      back.forEach((value, i) => {
        assert.ok(value === values[i], `${sizes[i]} bytes`);
      });
      const many = await one.mget(values.map((_, i) => `v${i}`));
      many.forEach((value, i) => {
        assert.ok(value === values[i], `${sizes[i]} bytes of MGET`);
      });
      await one.del("list", "hash");
      assert.equal(await one.rpush("list", values), sizes.length);
      const list = await one.lrange("list", 0, -1);
      list.forEach((value, i) => {
        assert.ok(value === values[i], `${sizes[i]} bytes of LRANGE`);
      });
      await one.hset("hash", Object.fromEntries(values.map((value, i) => [`f${i}`, value])));
      const hash = await one.hgetall("hash");
      values.forEach((value, i) => {
        assert.ok(hash[`f${i}`] === value, `${sizes[i]} bytes of HGETALL`);
      });
    }
  });
}

test("bytes of every size both ways, among other commands", async () => {
  const values = sizes.map((size) => randomBytes(size));
  const sets = values.flatMap((value, i) => [client.set(`b${i}`, value), client.set(`t${i}`, i)]);
  assert.deepEqual(new Set(await Promise.all(sets)), new Set(["OK"]));
  const back = await Promise.all(values.flatMap((_, i) => [client.bytes.get(`b${i}`), client.get(`t${i}`)]));
  values.forEach((value, i) => {
    assert.ok(value.equals(back[2 * i]), `${value.length} bytes`);
    assert.equal(back[2 * i + 1], String(i));
  });
});

test("long verbatim replies (INFO, CLIENT LIST) come whole, over the 40 KB that linear memory carries", async () => {
  const sockets = await Promise.all(
    Array.from({ length: 500 }, async (_, i) => {
      const socket = connect(server.port, server.host);
      await once(socket, "connect");
      socket.write(`CLIENT SETNAME ${"n".repeat(200)}${i}\r\n`);
      await once(socket, "data");
      return socket;
    }),
  );
  for (const one of [client, resp2]) {
    const list = await one.clientList();
    assert.ok(list.length > 100_000 && list.startsWith("id="), `${list.length}: ${list.slice(0, 20)}`);
    assert.equal(list.match(/name=n{200}/g).length, 500);
    const bytes = await one.bytes.clientList();
    assert.ok(Buffer.from(bytes).toString().startsWith("id=") && bytes.length > 100_000);
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? one.clientList() : one.info("all"))),
    );
    all.forEach((text, i) => {
      assert.ok(text.startsWith(i % 2 === 0 ? "id=" : "# Server"));
    });
    assert.equal(await one.ping(), "PONG");
  }
  for (const socket of sockets) socket.destroy();
});

test("long verbatim strings and blob errors cut anywhere: a text, or a ProtocolError, never a crash", async (t) => {
  const content = "v".repeat(100_000);
  const cases = {
    whole: `=${content.length + 4}\r\ntxt:${content}\r\n`,
    nested: `*3\r\n:1\r\n=${content.length + 4}\r\nmkd:${content}\r\n:2\r\n`,
    error: `!${content.length + 4}\r\nERR ${content}\r\n`,
  };
  for (const cut of [1, 7, 8, 9, 10, 11, 12, 13, 14, 4_100, 50_000, 65_536, 99_999]) {
    const peer = await scripted(([name], socket) => {
      if (!(name in cases)) return undefined;
      socket.write(cases[name].slice(0, cut));
      setImmediate(() => setTimeout(() => socket.write(cases[name].slice(cut)), 2));
      return "";
    });
    const other = createClient({ url: peer.url, logger: false, share: false });
    assert.equal(await other.call("whole"), content, `cut at ${cut}`);
    assert.deepEqual(await other.call("nested"), [1, content, 2], `cut at ${cut}`);
    const error = await other.call("error").catch((error) => error);
    assert.ok(["ProtocolError", "ReplyError"].includes(error.kind), `${error.kind}, cut at ${cut}`);
    await other.close();
    await peer.close();
  }
  t.diagnostic("13 cuts");
});

test("a value that is cut right before, or in, its CRLF", async () => {
  for (const size of [4_095, 4_096, 41_000, 60_000, 65_000, 65_527, 65_528, 65_529, 200_000]) {
    const value = "x".repeat(size);
    for (const left of [1, 2, 3]) {
      const peer = await scripted(([name], socket) => {
        if (name !== "GET") return undefined;
        const reply = `$${size}\r\n${value}\r\n`;
        socket.write(reply.slice(0, -left));
        setTimeout(() => socket.write(reply.slice(-left)), 5);
        return "";
      });
      const other = createClient({ url: peer.url, logger: false, share: false });
      assert.ok((await other.get("k")) === value, `${size} bytes, ${left} left`);
      await other.close();
      await peer.close();
    }
  }
});

test("a large value ends in the middle of a link: the next link begins afresh", async (t) => {
  let first = true;
  const peer = await scripted(([name], socket) => {
    if (name !== "GET") return undefined;
    if (!first) return "$2\r\nok\r\n";
    first = false;
    socket.write(`$100000\r\n${"x".repeat(60_000)}`);
    setTimeout(() => socket.destroy(), 20);
    return "";
  });
  t.after(() => peer.close());
  const other = createClient({ url: peer.url, logger: false });
  t.after(() => other.close());
  assert.equal(await other.get("k"), "ok");
  assert.equal(other.stats().resent, 1);
});

test("a server that knows no HELLO, as before Redis 6, or says NOPROTO, is spoken to in RESP2", async () => {
  for (const text of [
    "-NOPROTO sorry this protocol version is not supported\r\n",
    "-ERR unknown command `HELLO`, with args beginning with: `3`, \r\n",
  ]) {
    const old = await proxy(server, ([name]) => (name === "HELLO" ? text : undefined));
    const other = createClient({ url: old.url, logger: false, db: 3, name: "old" });
    await other.hset("h", { a: 1 });
    assert.deepEqual(await other.hgetall("h"), { a: "1" });
    assert.match(await other.clientInfo(), /name=old .*db=3/);
    assert.equal(old.commands.filter(([name]) => name === "HELLO").length, 1);
    await other.close();
    await old.close();
  }
});
