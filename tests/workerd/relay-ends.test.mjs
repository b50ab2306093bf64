// Both ends of a relay read what the other wrote as an attacker's: frames and answers that are not what they should be end
// the call or the link, at once, and nothing hangs.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startRedis } from "edgis/testing";
import { source } from "../js/source.mjs";
import { startWorker } from "./worker.mjs";

const { commandsOf, commandCount, replyCount } = await source("object/frames.ts");
const { ObjectLink } = await source("object/link.ts");
const { Writer, revive } = await source("object/wire.ts");

const bytesOf = (text) => Buffer.from(text, "latin1");
const ROUNDS = 50_000;

/** Mulberry32: the same numbers for the same seed. */
function randomly(seed = Number(process.env.RELAY_SEED ?? Date.now() % 2 ** 31)) {
  console.log(`# RELAY_SEED=${seed}`);
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return (below) => Math.floor(next() * below);
}

/** Bytes that are nearly right: some are changed, taken out, put in, cut off, or repeated. */
function mutated(bytes, random) {
  const list = [...bytes];
  const odd = [0x0d, 0x0a, 0x24, 0x2a, 0x25, 0x2d, 0x30, 0x39, 0x00, 0xff];
  for (let i = random(4); i >= 0; i -= 1) {
    const at = random(list.length + 1);
    const byte = random(2) === 0 ? random(256) : odd[random(odd.length)];
    const act = random(5);
    if (act === 0) list[at] = byte;
    else if (act === 1) list.splice(at, 1 + random(3));
    else if (act === 2) list.splice(at, 0, byte);
    else if (act === 3) list.length = at;
    else list.push(...list.slice(at, at + random(20)));
  }
  return Uint8Array.from(list.filter((one) => one !== undefined));
}

const frame = (...args) => `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join("")}`;

test("frames that are no commands throw, and those that are come apart", () => {
  const whole = frame("GET", "k") + frame("SET", "k", "v\r\n") + frame("PING") + frame("ECHO", "");
  const commands = commandsOf(bytesOf(whole));
  assert.deepEqual(
    commands.map(([name, ...args]) => [name, ...args.map((arg) => Buffer.from(arg).toString())]),
    [["GET", "k"], ["SET", "k", "v\r\n"], ["PING"], ["ECHO", ""]],
  );
  assert.deepEqual([commandCount(bytesOf(whole)), commandCount(new Uint8Array(0))], [4, 0]);
  const wrong = [
    "*",
    "*1",
    "*1\r",
    "*1\n$4\r\nPING\r\n",
    "*1\r\n$4\r\nPING\r\n*1",
    "*1\r\n$-9\r\n\r\n",
    "*-1\r\n",
    "*0\r\n",
    "*\r\n",
    "*1000000000\r\n$1\r\na\r\n",
    "*2\r\n$3\r\nGET\r\n$99\r\nk\r\n",
    "*2\r\n$3\r\nGET\r\n",
    "*1\r\n$x\r\nPING\r\n",
    "*1\r\n$4\r\nPINGPING\r\n",
    "*1\r\n$4\r\nPING",
    "*99999999999999999999999\r\n",
    "*1\r\n$99999999999999999999999\r\n",
    "*1\r\n$0\r\n\r\n",
    "PING\r\n",
    `*1\r\n$65536\r\n${"X".repeat(65_536)}\r\n`,
  ];
  for (const text of wrong)
    assert.throws(() => commandsOf(bytesOf(text)), /the other end of the relay/, text.slice(0, 40));
  for (const odd of [undefined, null, "*1\r\n$4\r\nPING\r\n", {}, [42], new ArrayBuffer(4)])
    assert.throws(() => commandsOf(odd));
});

test("frames at random, and nearly right ones, come apart or throw, and what comes apart was all there", () => {
  const random = randomly();
  for (let i = 0; i < ROUNDS; i += 1) {
    const args = () => Array.from({ length: 1 + random(3) }, () => "x".repeat(1 + random(9)));
    const right = Array.from({ length: 1 + random(3) }, () => frame(...args())).join("");
    const bytes =
      i % 10 === 0 ? Uint8Array.from({ length: random(40) }, () => random(256)) : mutated(bytesOf(right), random);
    let commands;
    try {
      commands = commandsOf(bytes);
    } catch (error) {
      assert.match(error.message, /the other end of the relay/);
      continue;
    }
    assert.equal(commandCount(bytes), commands.length);
    const again = commands.map(([name, ...rest]) =>
      frame(name, ...rest.map((arg) => Buffer.from(arg).toString("latin1"))),
    );
    // Leading noughts are the one thing that does not come back.
    assert.ok(again.join("").length <= bytes.length);
  }
});

test("replies are counted, whole ones only, however they are nested", () => {
  const writer = new Writer();
  const values = [
    "OK",
    1n,
    null,
    1.5,
    true,
    bytesOf("v\r\n"),
    [],
    [1n, [null, {}]],
    { a: [1n], b: {} },
    2n ** 70n,
    Number.NaN,
  ];
  for (const value of values) writer.value(value);
  writer.failure(new Error("of ours"));
  const bytes = writer.bytes();
  assert.equal(replyCount(bytes), values.length + 1);
  for (let end = 1; end < bytes.length; end += 1) {
    let count = -1;
    try {
      count = replyCount(bytes.subarray(0, end));
    } catch {}
    assert.ok(count <= values.length, "a reply that is not whole is none");
  }
  for (const text of [
    "*4294967295\r\n",
    "*2\r\n+a\r\n",
    "$5\r\nab\r\n",
    "+a",
    "+a\n",
    "%1\r\n+a\r\n",
    "!1\r\na\r\n",
    ">1\r\n+a\r\n",
    "x",
  ])
    assert.throws(() => replyCount(bytesOf(text)), /the other end of the relay/, text);
  const random = randomly();
  for (let i = 0; i < ROUNDS; i += 1) {
    try {
      replyCount(mutated(bytes, random));
    } catch (error) {
      assert.match(error.message, /the other end of the relay/);
    }
  }
});

const introduction = frame("HELLO", "3") + frame("PING");

/** What the engine is told of a link whose object is `relay`, when so many commands have been written. */
async function story(relay, commands = 1) {
  const told = [];
  const events = {
    opened: () => told.push("opened"),
    received: (chunk) => told.push(`received ${chunk.length}`),
    drained() {},
    lost: (code, message) => told.push(`lost ${code}`, message),
  };
  const standing = { good: Number.NEGATIVE_INFINITY, owes: undefined };
  const link = new ObjectLink(
    { greet: async () => null, relay: async () => undefined, ...relay },
    standing,
    () => 0,
    events,
  );
  await sleep(1);
  if (told.length === 0) return ["pending"];
  if (told[0] !== "opened") return told;
  const frames = bytesOf(introduction + frame("GET", "k").repeat(commands));
  link.write(frames, frames.length);
  await sleep(1);
  // What the handshake is answered with.
  return told.slice(2);
}

test("an answer that is none loses the link, whatever it is, and so does a wrong count of replies", async (t) => {
  const unhandled = [];
  const note = (error) => unhandled.push(error);
  process.on("unhandledRejection", note);
  t.after(() => process.off("unhandledRejection", note));
  const good = bytesOf("+A\r\n");
  assert.deepEqual(await story({ relay: async () => ({ replies: good, trouble: null }) }), ["received 4"]);
  const nothing = [
    undefined,
    null,
    5,
    "+A\r\n",
    {},
    [],
    { replies: null, trouble: null },
    { replies: "+A\r\n", trouble: null },
  ];
  const wrong = [{ replies: new ArrayBuffer(4), trouble: null }, { replies: good }, { replies: good, trouble: "x" }];
  const replies = ["", "+A\r\n+B\r\n", "+A", "*2\r\n+A\r\n", ">1\r\n+A\r\n", "*4294967295\r\n", "garbage"];
  const counts = replies.map((text) => ({ replies: bytesOf(text), trouble: null }));
  for (const answer of [...nothing, ...wrong, ...counts]) {
    const told = await story({ relay: async () => answer });
    assert.equal(told[0], "lost #21", JSON.stringify(answer));
    assert.equal(typeof told[1], "string");
  }
  assert.match(
    (await story({ relay: async () => ({ replies: good, trouble: null }) }, 2))[1],
    /1 replies to 2 commands/,
  );
  const troubles = [
    {},
    { reason: 1e99, message: {} },
    { reason: -1 },
    { reason: "1" },
    { reason: 5, message: "x", wait: Number.NaN },
  ];
  for (const trouble of troubles) {
    const told = await story({ relay: async () => ({ replies: good, trouble }) });
    assert.match(told[1], /^lost #\d+$/, JSON.stringify(trouble));
    assert.equal(typeof told[2], "string");
  }
  const bare = Object.create(null);
  for (const thrown of [bare, undefined, "text", new Error("x")]) {
    const relay = async () => {
      throw thrown;
    };
    assert.equal((await story({ relay }))[0], "lost #21");
    assert.equal((await story({ greet: relay }))[0], "lost #21");
  }
  for (const found of [undefined, "x", 5, true])
    assert.equal((await story({ greet: async () => found }))[0], "lost #21");
  assert.equal((await story({ greet: async () => ({ reason: 10, message: "no", wait: 1e300 }) }))[0], "lost #10@60000");
  assert.deepEqual(unhandled, []);
});

test("errors that an object makes up become errors of ours, with nothing in them of a wrong type", () => {
  const odd = [
    undefined,
    null,
    5,
    {},
    [],
    "kind",
    { kind: "ReplyError" },
    { kind: 5, message: {}, sent: "x", retry: "y" },
  ];
  const kinds = ["UsageError", "TimeoutError", "ConfigError", "AuthError", "DisabledError", "nonsense"];
  for (const packed of [
    ...odd,
    ...kinds.map((kind) => ({ kind, message: 5, reason: {}, phase: [], cause: { cause: {} } })),
  ]) {
    const error = revive(`EDGIS ${JSON.stringify(packed)}`);
    if (packed === undefined) continue;
    assert.ok(error instanceof Error);
    assert.equal(typeof error.message, "string");
    assert.ok(["no", "maybe", "yes"].includes(error.sent) && typeof error.retry === "boolean");
  }
  const deep = `EDGIS ${'{"cause":'.repeat(100_000)}{}${"}".repeat(100_000)}`;
  assert.ok(revive(deep) === undefined || revive(deep) instanceof Error);
  for (const text of ["EDGIS ", "EDGIS {", "EDGIS x", "ERR x"]) assert.equal(revive(text), undefined);
});

test("an object refuses bytes that are no commands, and serves the next call", async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const worker = await startWorker(t, {
    url: redis.url,
    source: "tests/workerd/relay-ends.mjs",
    durableObjects: { REDIS: "Redis", ODD: "Odd" },
    bindings: { REDIS_URL: redis.url },
  });
  const say = (text) => worker.get(`/say?${new URLSearchParams({ text })}`);
  for (const text of [
    "*1",
    "*",
    "*1\r\n$4\r\nPING\r\n*1",
    `*1\r\n$65536\r\n${"X".repeat(65_536)}\r\n`.slice(0, 7_000),
    "*0\r\n",
  ])
    assert.match((await say(text)).error, /does not speak its language/);
  for (const kind of ["undefined", "text", "number"])
    assert.match((await worker.get(`/odd?kind=${kind}`)).error, /no bytes/);
  const long = await say(frame("X".repeat(257), "k"));
  assert.match(long.error, /no command has such a name/);
  assert.deepEqual(await say(frame("PING")), { replies: "+PONG\r\n", trouble: null });
  // The Worker's end, with an object that answers nonsense.
  for (const answer of ["undefined", "fewer", "more", "text", "hangs"]) {
    const start = performance.now();
    const { kind, reason } = await worker.get(`/through?answer=${answer}`);
    assert.ok(performance.now() - start < 10_000);
    assert.ok(["ConnectionLostError", "TimeoutError", "DisabledError"].includes(kind), `${answer}: ${kind} ${reason}`);
  }
});
