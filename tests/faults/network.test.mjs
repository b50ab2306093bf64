// What a network does to a connection, byte by byte: pieces of every size, cuts at every place, half-closes, doubled bytes,
// peers that do not read. Each reply is its caller's, nothing is done twice, and the next command works.
import assert from "node:assert/strict";
import test from "node:test";
import { createClient } from "edgis";
import { faultProxy, startRedis } from "edgis/testing";
import { observe } from "../js/observer.mjs";

const logger = false;
const caught = (promise) =>
  promise.then(
    (value) => value,
    (error) => error,
  );

/** A server, a proxy before it, and a client that does not give up easily. */
async function line(t, options) {
  const server = await startRedis();
  const observer = await observe(server);
  const proxy = await faultProxy(server.url);
  const timeouts = { connect: "20s", command: "20s" };
  const client = createClient({
    url: proxy.url,
    logger,
    offline: "wait",
    retry: { base: 1, cap: 5 },
    timeouts,
    ...options,
  });
  t.after(async () => {
    await client.close();
    observer.close();
    await proxy.close();
    await server.stop();
  });
  await client.rpush("list", ...Array.from({ length: 10 }, (_, i) => `item ${i}`));
  await client.hset("hash", { a: 1, ü: "ä", empty: "" });
  await client.zadd("board", 1.5, "ada", 2, "grace");
  await client.set("text", "é and more ".repeat(50));
  await client.set("large", "0123456789".repeat(10_000));
  return { server, observer, proxy, client };
}

/** Replies of every shape. */
const everything = (client) =>
  Promise.all([
    client.get("text"),
    client.get("large"),
    client.get("none"),
    client.bytes.get("text"),
    client.strlen("large"),
    client.lrange("list", 0, -1),
    client.hgetall("hash"),
    client.zrange("board", 0, -1, "WITHSCORES"),
    client.mget(["text", "none", "text"]),
    caught(client.lpush("text", "x")).then(({ code }) => code),
    client.call("EVAL", "return {1, {2, {'three', false}}, {}}", 0),
    client.echo(""),
  ]);

test("replies in pieces of every size are the same replies", async (t) => {
  const { proxy, client } = await line(t);
  const whole = await everything(client);
  for (const split of [2, 3, 5, 7, 16, 17, 64, 1000, 65_521]) {
    proxy.strike({ toClient: { split }, toServer: { split } });
    assert.deepEqual(await everything(client), whole, `pieces of ${split}`);
  }
  await client.del("large");
  const small = await everything(client);
  proxy.strike({ toClient: { split: 1 }, toServer: { split: 1 } });
  assert.deepEqual(await everything(client), small, "bytes");
  proxy.strike({ toClient: { split: 20, pace: 1 } });
  assert.deepEqual(await everything(client), small, "a trickle");
  assert.equal(client.stats().connects, 1);
  proxy.strike({});
  // A connection that begins in bytes.
  await proxy.script({ toClient: { split: 1 }, toServer: { split: 1 } });
  await proxy.reset();
  await client.ping();
  assert.deepEqual(await everything(client), small, "from the handshake on");
  assert.equal(client.stats().connects, 2);
});

for (const [flow, what] of [
  ["toClient", "replies"],
  ["toServer", "commands"],
]) {
  test(`a connection that is cut after every byte of the ${what}: reads are answered, no increment is doubled`, async (t) => {
    const { observer, proxy, client } = await line(t);
    let done = 0;
    let maybe = 0;
    const most = 160;
    for (let after = 0; after < most; after += 1) {
      await client.ping();
      const mine = `echo ${after} ${"-".repeat(most)}`;
      proxy.strike({ [flow]: { after, do: after % 3 === 0 ? "close" : "reset" } });
      const [one, list, echo, two, bytes] = await Promise.all([
        caught(client.incr("n")),
        client.lrange("list", 0, 2),
        client.echo(mine),
        caught(client.incr("n")),
        client.bytes.get("none"),
      ]);
      assert.deepEqual([list, echo, bytes], [["item 0", "item 1", "item 2"], mine, null], `after ${after} bytes`);
      for (const outcome of [one, two]) {
        if (typeof outcome === "number") done += 1;
        else {
          assert.deepEqual([outcome.kind, outcome.sent], ["ConnectionLostError", "maybe"], `after ${after} bytes`);
          maybe += 1;
        }
      }
      proxy.strike({});
    }
    const counted = Number(await observer.ask("GET", "n"));
    assert.equal(done + maybe, 2 * most);
    assert.ok(counted >= done && counted <= done + maybe, `${done} done, ${maybe} maybe, ${counted} counted`);
    assert.ok(done > 0 && maybe > 0 && client.stats().connects > most);
    await client.ping();
    await observer.othersBecome(1);
  });
}

test("half-closes, by either side, lose no read", async (t) => {
  const { observer, proxy, client } = await line(t);
  for (let round = 0; round < 20; round += 1) {
    const flow = round % 2 === 0 ? "toClient" : "toServer";
    proxy.strike({ [flow]: { after: 10 * round, do: "end" } });
    const replies = await Promise.all(Array.from({ length: 20 }, (_, i) => client.echo(`${round} ${i}`)));
    assert.deepEqual(
      replies,
      Array.from({ length: 20 }, (_, i) => `${round} ${i}`),
    );
  }
  await observer.othersBecome(1);
});

test("bytes that come twice, or that nobody asked for, end the connection, and nobody gets them", async (t) => {
  const { observer, proxy, client } = await line(t);
  for (const fault of [
    { toClient: { do: "repeat" } },
    { toClient: { do: { say: "+surplus\r\n" } } },
    { toClient: { do: { say: "$3\r\nabc\r\n" } } },
    { toClient: { do: { say: "\r\n" } } },
    { toClient: { do: { say: Buffer.from([0, 255, 13, 10]) } } },
  ]) {
    const before = client.stats().connects;
    proxy.strike(fault);
    // The repetition needs something to repeat; the other bytes come by themselves, while nothing is asked.
    if (fault.toClient.do === "repeat") assert.equal(await client.echo("once"), "once");
    await new Promise((resolve) => setTimeout(resolve, 50));
    while (client.stats().connects === before) {
      const reply = await caught(client.echo("mine"));
      assert.ok(reply === "mine" || ["ProtocolError", "ConnectionLostError"].includes(reply.kind), String(reply));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.deepEqual(await client.lrange("list", 0, 0), ["item 0"]);
  }
  // Before the handshake is through: no dial can succeed, and each promise settles all the same.
  const hasty = createClient({
    url: proxy.url,
    logger,
    share: false,
    timeouts: { connect: 400 },
    retry: { base: 1, cap: 5 },
  });
  t.after(() => hasty.close());
  for (const fault of [{ do: "repeat" }, { do: { say: "+surplus\r\n" } }, { after: 30, do: { say: "?" } }]) {
    await proxy.script({ toClient: fault });
    const [status, reply] = await Promise.all([hasty.init(), caught(hasty.set("k", "v"))]);
    assert.ok(["ready", "disabled", "connecting"].includes(status.state), status.state);
    assert.ok(reply === "OK" || reply.kind !== undefined, String(reply));
    await proxy.heal();
    await proxy.reset();
    assert.equal(await hasty.ready({ timeout: "10s" }), hasty);
  }
  assert.equal(await client.ping(), "PONG");
  await hasty.close();
  await observer.othersBecome(1);
});

test("a server that stops reading: what cannot be sent is bounded, and goes on when it reads again", async (t) => {
  const { observer, proxy, client } = await line(t, { limits: { staged: 500, stagedBytes: 4 << 20 } });
  await client.ping();
  proxy.strike({ toServer: { do: "stall" } });
  const value = "v".repeat(10_000);
  const outcomes = [];
  // In turns of the event loop, as requests come.
  for (let i = 0; i < 8_000; i += 1) {
    outcomes.push(caught(client.set(`key:${i}`, value)));
    if (i % 50 === 0) await new Promise(setImmediate);
  }
  await new Promise((resolve) => setTimeout(resolve, 300));
  proxy.strike({});
  const settled = await Promise.all(outcomes);
  const full = settled.filter((outcome) => outcome.reason === "queue-full");
  const done = settled.filter((outcome) => outcome === "OK");
  assert.equal(full.length + done.length, 8_000);
  assert.ok(full.length > 1_000 && done.length > 100, `${full.length} were refused, ${done.length} done`);
  assert.ok(full.every(({ sent }) => sent === "no"));
  assert.ok(client.stats().memoryBytes <= 8 * 2 ** 20, `${client.stats().memoryBytes} bytes of linear memory`);
  assert.equal(await client.get("key:0"), value);
  assert.ok((await observer.ask("DBSIZE")) < 8_000);
  assert.equal(client.stats().connects, 1);
});

test("a client whose replies are held back gets them all, in order, once they flow", async (t) => {
  const { proxy, client } = await line(t);
  proxy.strike({ toClient: { do: "stall" } });
  const replies = Promise.all(
    Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? client.get("large") : client.echo(`${i}`))),
  );
  await new Promise((resolve) => setTimeout(resolve, 300));
  proxy.strike({ toClient: { split: 10_007 } });
  for (const [i, reply] of (await replies).entries()) assert.equal(reply.length, i % 2 === 0 ? 100_000 : `${i}`.length);
});

test("a long way to the server costs a pipeline one round trip, not one each", async (t) => {
  const { proxy, client } = await line(t);
  await proxy.slow(200);
  const start = performance.now();
  const replies = await Promise.all(Array.from({ length: 2_000 }, (_, i) => client.echo(`${i}`)));
  const took = performance.now() - start;
  assert.equal(replies[1_999], "1999");
  assert.ok(took >= 195 && took < 2_000, `${took} ms`);
});
