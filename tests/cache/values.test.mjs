// What is stored comes back as it was, and what is no entry of ours is a miss.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test, { after, before } from "node:test";
import { createClient } from "edgis";
import { createCache } from "edgis/cache";
import { startRedis } from "edgis/testing";
import { Random, seedOf } from "../faults/random.mjs";
import { cacheScene, sleep, until } from "./scene.mjs";

let server;
let client;
let cache;
before(async () => {
  server = await startRedis();
  client = createClient({ url: server.url, logger: false });
  cache = createCache({ client, namespace: "app", ttl: "1m" });
});
after(async () => {
  await client.close();
  await server.stop();
});

async function roundTrip(value) {
  await cache.set("k", value);
  return await cache.get("k");
}

test("values come back as they were", async () => {
  const proto = JSON.parse('{"__proto__":{"a":1},"constructor":2,"$":3}');
  const values = [
    null,
    undefined,
    true,
    0,
    -0,
    Number.NaN,
    Number.NEGATIVE_INFINITY,
    1e308,
    "",
    "text",
    "\u0000 ümläut 漢字 😀",
    "\ud800 alone",
    12345678901234567890n,
    -1n,
    new Date(0),
    [],
    {},
    [undefined, -0, [1n]],
    { a: undefined, b: { c: new Set([1, "2", -0]) } },
    new Map([["k", new Map([[{ a: 1 }, [1n]]])]]),
    new Set(),
    proto,
    { $: ["u"] },
    { $: ["o", ["$", 1]], x: 1n },
    [{ $: 1n }],
    { bytes: new Uint8Array([0, 255, 1]), list: [new Uint8Array(0)] },
    JSON.parse('{"__proto__":1,"n":{"__proto__":[1]}}'),
  ];
  for (const value of values) {
    const back = await roundTrip(value);
    assert.deepEqual(back, value);
    assert.ok(Object.is(back, -0) === Object.is(value, -0));
  }
  assert.ok(Number.isNaN((await roundTrip({ at: new Date(Number.NaN) })).at.getTime()));
  const back = await roundTrip(proto);
  assert.ok(Object.hasOwn(back, "__proto__") && Object.getPrototypeOf(back) === Object.prototype);
  assert.deepEqual(await roundTrip(Object.assign(Object.create(null), { a: 1n })), { a: 1n });
});

test("bytes pass unchanged, and are the caller's own", async () => {
  for (const bytes of [
    new Uint8Array(0),
    Uint8Array.from({ length: 256 }, (_, i) => i),
    new TextEncoder().encode("€"),
    new Uint8Array(100_000).fill(7),
  ]) {
    const back = await roundTrip(bytes);
    assert.ok(back instanceof Uint8Array && Buffer.compare(back, bytes) === 0);
    // Not a Buffer either: `set` takes what `get` gives.
    assert.equal(Object.getPrototypeOf(back), Uint8Array.prototype);
    back.fill(1);
    const [one, other] = await Promise.all([cache.get("k"), cache.get("k")]);
    one.fill(1);
    assert.equal(Buffer.compare(other, bytes), 0);
  }
});

test("what is stored in one tick is what was loaded, whatever the link does meanwhile", async (t) => {
  const { server, proxy, client, cache: make } = await cacheScene(t);
  const [admin, reader] = [client(), make({ timeout: "20s" }, { name: "reader" })];
  const sizes = [0, 19, 200, 300, 3_000, 8_192, 8_300, 17_000, 70_000, 1_100_000];
  const value = (i) => {
    const size = sizes[i % sizes.length];
    if (i % 3 === 0) return new Uint8Array(size).fill(i);
    return { i, text: (i % 3 === 1 ? "a" : "é漢😀").repeat(size > 10_000 ? size / 8 : size) };
  };
  const numbers = Array.from({ length: 90 }, (_, i) => i);
  const states = {
    ready: () => {},
    unscripted: () => admin.call("SCRIPT", "FLUSH"),
    blocked: async (cache) => {
      server.pause();
      cache.set("large", new Uint8Array(12 << 20));
      await sleep(200);
    },
  };
  for (const [state, enter] of Object.entries(states)) {
    const client = { url: proxy.url, name: state, timeouts: { command: "20s" } };
    const cache = make({ timeout: "20s" }, client);
    await cache.getOrSet([state, "warm"], () => 1);
    const load = { begun: 0 };
    const loaded = new Promise((resolve) => {
      load.end = resolve;
    });
    const begin = (i) => () => {
      load.begun += 1;
      return loaded.then(() => value(i));
    };
    const all = numbers.map((i) => cache.getOrSet([state, i], begin(i)));
    await until(() => load.begun === numbers.length);
    await enter(cache);
    load.end();
    await Promise.all(all);
    if (state === "blocked") await sleep(100);
    server.resume();
    await until(() => cache.stats().fills === numbers.length + 1);
    for (const one of [cache, reader]) {
      const found = await one.getMany(numbers.map((i) => [state, i]));
      for (const i of numbers) assert.deepEqual(found[i], value(i), `${state}, ${i}`);
    }
  }
});

const valuesSeed = seedOf("VALUES_SEED");

test(`any value at all comes back as it was (VALUES_SEED=${valuesSeed})`, async () => {
  const random = new Random(valuesSeed);
  const text = () =>
    String.fromCharCode(
      ...Array.from({ length: random.between(0, 6) }, () =>
        random.one([36, 65, 0xe4, 0x6f22, 0xd83d, 0xde00, 34, 92, 0]),
      ),
    );
  const leaf = () =>
    random.one([
      null,
      undefined,
      true,
      false,
      random.between(-5, 5),
      -0,
      random.fraction(),
      text(),
      BigInt(random.between(-9, 9)) ** 20n,
      new Date(random.between(-1e9, 1e9)),
      Uint8Array.from(text(), (c) => c.charCodeAt(0)),
    ]);
  const any = (depth) => {
    if (depth === 0 || random.fraction() < 0.3) return leaf();
    const items = Array.from({ length: random.between(0, 4) }, () => any(depth - 1));
    switch (random.between(0, 3)) {
      case 0:
        return items;
      case 1:
        return new Map(items.map((item) => [any(depth - 1), item]));
      case 2:
        return new Set(items);
      default: {
        const object = {};
        for (const item of items) {
          const key = random.one(["a", "$", "__proto__", "toJSON x", text()]);
          Object.defineProperty(object, key, { value: item, enumerable: true, configurable: true, writable: true });
        }
        return object;
      }
    }
  };
  const values = Array.from({ length: 400 }, () => any(4));
  await cache.setMany(values.map((value, i) => [["v", i], value]));
  const back = await cache.getMany(values.map((_, i) => ["v", i]));
  for (const [i, value] of values.entries()) assert.deepEqual(back[i], value, `value ${i}`);
});

test("a codec of one's own", async () => {
  const codec = {
    encode: (value) => `<${value.name}>`,
    decode: (bytes) => ({ name: Buffer.from(bytes).toString().slice(1, -1) }),
  };
  const own = createCache({ client, namespace: "own", ttl: "1m", codec });
  await own.set("k", { name: "Ada" });
  assert.deepEqual(await own.get("k"), { name: "Ada" });
  const lame = createCache({
    client,
    namespace: "own",
    ttl: "1m",
    codec: { encode: codec.encode, decode: () => JSON.parse("") },
  });
  assert.equal(await lame.get("k"), undefined);
  assert.equal(lame.stats().corrupt, 1);
});

test("a codec that gives promises, and a schema that never answers, make misses", async () => {
  const encode = () => "text";
  const decode = async () => {
    throw new Error("nobody listens");
  };
  const lame = createCache({ client, namespace: "promises", ttl: "1m", codec: { encode, decode } });
  await lame.set("k", "v");
  assert.equal(await lame.get("k"), undefined);
  assert.equal(lame.stats().corrupt, 1);
  const slow = createCache({ client, namespace: "silent", ttl: "1m", loadTimeout: 200 });
  await slow.set("k", "v");
  const schema = { "~standard": { version: 1, vendor: "test", validate: () => new Promise(() => {}) } };
  assert.equal(await slow.get("k", { schema }), undefined);
  assert.equal(await slow.getOrSet("k", () => "loaded", { schema }), "loaded");
  assert.equal(slow.stats().invalid, 2);
});

test("a value that cannot be kept is returned by getOrSet, and counted", async () => {
  class Point {}
  const fresh = createCache({ client, namespace: "points", ttl: "1m" });
  for (let i = 0; i < 2; i += 1) assert.ok((await fresh.getOrSet("k", () => new Point())) instanceof Point);
  await fresh.getOrSet("other", () => 1);
  assert.equal(fresh.stats().unserialisable, 2);
});

test("keys are told apart", async () => {
  const keys = [
    "a",
    ["a"],
    "a:b:c",
    ["a", "b:c"],
    ["a:b", "c"],
    ["a", "b", "c"],
    ["a,b"],
    ["a", "b"],
    ['a","b'],
    "[",
    '["a"]',
    '=["a"]',
    '"a"',
    "=a",
    "#a",
    "#",
    [1],
    ["1"],
    [1n],
    [true],
    ["true"],
    [null],
    ["null"],
    [-1],
    "}",
    "{x}",
    "a|b",
    "\ud800",
    "\ud801",
    "\ufffd",
    ["\ud800"],
    "x".repeat(1024),
    "x".repeat(1025),
    `${"x".repeat(1024)}y`,
    ["x".repeat(2_000), "y"],
    ["x".repeat(2_000), "z"],
  ];
  const own = createCache({ client, namespace: "keys", ttl: "1m" });
  await own.setMany(keys.map((key, i) => [key, i]));
  assert.deepEqual(await own.getMany(keys), [...keys.keys()]);
  const names = await client.keys("ec:{keys|*}");
  assert.equal(names.length, keys.length);
  assert.ok(names.every((name) => name.length < 1_100));
  const long = "y".repeat(5_000);
  await own.set(long, 1);
  assert.equal(await client.exists(`ec:{keys|#${createHash("sha256").update(long).digest("base64url")}}`), 1);
  for (const length of [1_025, 1_026, 1_079, 1_080, 1_088, 2_048]) {
    const key = "ä".repeat(length);
    await own.set(key, 1);
    const hash = createHash("sha256").update(key).digest("base64url");
    assert.equal(await client.exists(`ec:{keys|#${hash}}`), 1, String(length));
  }
});

const envelopeSeed = seedOf("ENVELOPE_SEED");

test(`what is no entry is a miss, is counted, and is written over (ENVELOPE_SEED=${envelopeSeed})`, async () => {
  const random = new Random(envelopeSeed);
  const own = createCache({ client, namespace: "fuzz", ttl: "1m", timeout: "20s" });
  await own.set("model", { text: "x".repeat(50) }, { tags: ["t", "ü"] });
  const model = Buffer.from(await client.bytes.get("ec:{fuzz|model}"));
  const broken = [
    Buffer.alloc(0),
    Buffer.from("x"),
    Buffer.from("OK"),
    Buffer.from('{"json":1}'.repeat(5)),
    Buffer.alloc(24),
    Buffer.alloc(500, 0xe1),
  ];
  for (let length = 0; length < model.length; length += 1) broken.push(model.subarray(0, length));
  broken.push(Buffer.concat([model, Buffer.from("!")]));
  const future = Buffer.from(model);
  future[0] = 0xe2;
  broken.push(future);
  for (let i = 0; i < 300; i += 1) {
    const changed = Buffer.from(model);
    for (let n = random.between(1, 4); n > 0; n -= 1)
      changed[random.between(0, changed.length - 1)] = random.between(0, 255);
    broken.push(changed);
  }
  for (let i = 0; i < 100; i += 1)
    broken.push(Buffer.from(Array.from({ length: random.between(0, 80) }, () => random.between(0, 255))));
  await Promise.all(broken.map((bytes, i) => client.set(`ec:{fuzz|${i}}`, bytes)));
  const found = await Promise.all(broken.map((_, i) => own.getOrSet(String(i), () => "loaded")));
  // What was changed may still be an entry, of another value; it is never an error.
  const { corrupt, foreign, future: newer, fallbacks } = own.stats();
  const loaded = found.filter((value) => value === "loaded").length;
  assert.ok(loaded >= model.length + 100, `${loaded} of ${broken.length}`);
  assert.ok(corrupt >= model.length - 24 && foreign >= 50 && newer >= 1, JSON.stringify({ corrupt, foreign, newer }));
  assert.equal(
    Object.values(fallbacks).reduce((sum, count) => sum + count),
    0,
  );
  await new Promise((resolve) => setTimeout(resolve, 50));
  const again = await Promise.all(broken.map((_, i) => own.getOrSet(String(i), () => "again")));
  assert.deepEqual(again, found);
});

test("a key of another type is a miss, and is written over", async () => {
  await client.rpush("ec:{app|list}", "a");
  assert.equal(await cache.getOrSet("list", () => "loaded"), "loaded");
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(await cache.get("list"), "loaded");
});

test("what is stored is what was given, whatever becomes of its bytes", async (t) => {
  const { client: makeClient, cache: make } = await cacheScene(t);
  const buffer = Buffer.alloc(4);
  const codec = {
    encode(value) {
      buffer.fill(value);
      return buffer;
    },
    decode: (bytes) => bytes[0],
  };
  const reusing = make({ codec, namespace: "codec" });
  await reusing.setMany([1, 2, 3].map((value) => [`k${value}`, value]));
  assert.deepEqual(await reusing.getMany(["k1", "k2", "k3"]), [1, 2, 3]);
  const cache = make();
  const admin = makeClient();
  for (const size of [3, 100_000]) {
    const bytes = () => new Uint8Array(size).fill(1);
    const given = bytes();
    const setting = cache.set("set", given);
    given.fill(9);
    await setting;
    assert.deepEqual(await cache.get("set"), bytes());
    for (const tags of [[], ["t"], () => ["u"]]) {
      await cache.delete("loaded");
      // A script that the server has forgotten is sent twice.
      await admin.call("SCRIPT", "FLUSH");
      const loaded = bytes();
      (await cache.getOrSet("loaded", () => loaded, { tags })).fill(9);
      await until(async () => (await cache.get("loaded")) !== undefined);
      assert.deepEqual(await cache.get("loaded"), bytes());
    }
  }
});

test("what cannot be kept is refused with the place where it stands, and at once", async (t) => {
  const { cache: make } = await cacheScene(t);
  const cache = make();
  class Row {}
  class Pretender {
    get [Symbol.toStringTag]() {
      return "Map";
    }
    *[Symbol.iterator]() {
      yield ["a", 1];
    }
  }
  const shared = Array(24)
    .fill(0)
    .reduce((inner) => [inner, inner], {});
  const cyclic = { list: [] };
  cyclic.list.push(cyclic, cyclic);
  const refusals = [
    [{ rows: [1, { user: new Row() }] }, /an instance of Row \(at \.rows\[1\]\.user\)/],
    [{ "secret text": { a: () => 1 } }, /a function \(at \[…\]\.a\)/],
    [new Map([["k", new Set([Symbol("s")])]]), /a symbol \(at \(a member\)\(a member\)\)/],
    [new Row(), /^an instance of Row cannot/],
    [Object.assign([1, 2], { total: 5 }), /an array with fields of its own/],
    ["abc".match(/b/), /an array with fields of its own|an instance/],
    [{ at: new Pretender() }, /an instance of Pretender \(at \.at\)/],
    [Object.defineProperty({ a: 1 }, "toJSON", { value: () => 2 }), /a method toJSON/],
    [[Object.defineProperty([1], "toJSON", { value: () => 2 })], /a method toJSON \(at \[0\]\)/],
    [shared, /in so many places/],
    [cyclic, /refers to itself/],
  ];
  for (const [value, message] of refusals) {
    const start = performance.now();
    await assert.rejects(cache.set("k", value), { kind: "UsageError", message });
    assert.ok(performance.now() - start < 2_000, String(message));
  }
  const twice = { a: 1 };
  await cache.set("k", [twice, twice]);
  assert.deepEqual(await cache.get("k"), [twice, twice]);
});

test("large collections come back, and what another codec makes is not copied wrongly in memory", async (t) => {
  const { cache: make } = await cacheScene(t);
  const cache = make({ timeout: "20s" });
  for (const value of [
    new Map(Array.from({ length: 200_000 }, (_, i) => [i, i])),
    new Set(Array.from({ length: 200_000 }, (_, i) => i)),
    Object.assign({ $: 1, b: 1n }, Object.fromEntries(Array.from({ length: 150_000 }, (_, i) => [`f${i}`, i]))),
  ]) {
    await cache.set("k", value);
    const found = await cache.get("k");
    assert.equal(found.size ?? Object.keys(found).length, value.size ?? Object.keys(value).length);
  }
  const v8 = await import("node:v8");
  const codec = { encode: (value) => v8.serialize(value), decode: (bytes) => v8.deserialize(bytes) };
  const kept = make({ codec, namespace: "v8", l1: { maxStale: "1m" } });
  const inner = { a: 1 };
  const cyclic = { inner };
  cyclic.self = cyclic;
  const listed = Object.assign([1], { total: 3 });
  for (const [value, holds] of [
    [[inner, inner], ([a, b]) => a === b],
    [cyclic, (found) => found.self === found],
    [listed, (found) => found.total === 3],
  ]) {
    await kept.set("k", value);
    for (let i = 0; i < 3; i += 1) assert.ok(holds(await kept.get("k")));
  }
});
