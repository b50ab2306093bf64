// edgis/testing: the fault proxy, seen with plain sockets at both ends.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import test from "node:test";
import { createClient } from "edgis";
import { faultProxy, freePort, startRedis } from "edgis/testing";
import { observe } from "./observer.mjs";
import { here } from "./runtimes.mjs";

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function until(holds, what, within = 10_000) {
  const limit = performance.now() + within;
  while (!(await holds())) {
    assert.ok(performance.now() < limit, `${what} did not come to hold in time`);
    await sleep(2);
  }
}

/** What is seen at one end of a connection. */
function watched(socket) {
  const end = { socket, text: "", chunks: [], ended: false, closed: false, error: undefined };
  socket.on("data", (chunk) => {
    end.text += chunk;
    end.chunks.push({ bytes: chunk.length, at: performance.now() });
  });
  socket.on("end", () => {
    end.ended = true;
  });
  socket.on("error", (error) => {
    end.error = error.code;
  });
  socket.on("close", () => {
    end.closed = true;
  });
  return end;
}

/** A server whose connections are kept, and a proxy before it. */
async function both(t, options) {
  const ends = [];
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => ends.push(watched(socket)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy = await faultProxy(server.address().port, options);
  t.after(async () => {
    await proxy.close().catch(() => {});
    for (const { socket } of ends) socket.destroy();
    server.close();
  });
  /** A client that has said "hello", and the server's end of it, which has heard that. */
  const pair = async () => {
    const count = ends.length;
    const client = await dialled(proxy);
    client.socket.write("hello");
    await until(() => ends.length > count && ends[count].text === "hello", "hello");
    ends[count].text = "";
    return [client, ends[count]];
  };
  return { ends, proxy, pair };
}

async function dialled({ host, port }) {
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
  const client = watched(socket);
  await Promise.race([once(socket, "connect"), once(socket, "close")]).catch(() => {});
  return client;
}

test("bytes, half-closes and resets pass both ways, and connections are counted", async (t) => {
  const { proxy, pair, ends } = await both(t);
  const large = "x".repeat(5_000_000);
  const [client, server] = await pair();
  client.socket.write(large);
  server.socket.write(large);
  await until(() => client.text.length === large.length && server.text.length === large.length, "the text");
  assert.deepEqual([proxy.connections, proxy.accepted], [1, 1]);
  client.socket.end();
  await until(() => server.ended, "the end");
  server.socket.write("after");
  await until(() => client.text.endsWith("after"), "what comes after a half-close");
  server.socket.end();
  await until(() => client.closed && server.closed && proxy.connections === 0, "the close");
  assert.deepEqual([client.error, server.error], [undefined, undefined]);

  const [second, far] = await pair();
  far.socket.resetAndDestroy();
  await until(() => second.closed, "the reset of the server");
  assert.equal(second.error, "ECONNRESET");
  const [third, other] = await pair();
  third.socket.resetAndDestroy();
  await until(() => other.closed, "the reset of the client");
  assert.equal(other.error, "ECONNRESET");
  // Nothing is dialled for a client that says nothing.
  const mute = await dialled(proxy);
  mute.socket.end();
  await until(() => mute.closed, "its close");
  assert.deepEqual([proxy.accepted, ends.length], [4, 3]);
});

test("down, up again on the same port, slow, hang, reset, acceptThenClose: each holds until the next", async (t) => {
  const { proxy, pair, ends } = await both(t);
  const { port } = proxy;
  const [first] = await pair();
  await proxy.down();
  await until(() => first.ended || first.closed, "the close");
  assert.equal((await dialled(proxy)).error, "ECONNREFUSED");
  await proxy.heal();
  assert.equal(proxy.port, port);

  const [second, server] = await pair();
  await proxy.slow(150);
  const start = performance.now();
  server.socket.write("late");
  await until(() => second.text === "late", "the late reply");
  assert.ok(performance.now() - start >= 145, `${performance.now() - start} ms`);

  await proxy.hang();
  server.socket.write("held");
  second.socket.write("back");
  const hung = await dialled(proxy);
  hung.socket.write("me too");
  await sleep(200);
  assert.deepEqual([second.text, server.text, second.closed, hung.closed, ends.length], ["late", "", false, false, 2]);
  await proxy.heal();
  await until(
    () => second.text === "lateheld" && server.text === "back" && ends[2]?.text === "me too",
    "what was held",
  );

  await proxy.reset();
  await until(() => second.closed && hung.closed, "the reset");
  assert.deepEqual([second.error, hung.error], ["ECONNRESET", "ECONNRESET"]);
  const [third] = await pair();
  await proxy.acceptThenClose();
  await until(() => third.ended, "the close of what was open");
  const turned = await dialled(proxy);
  await until(() => turned.ended, "the close of what was accepted");
  assert.equal(turned.error, undefined);
  await Promise.all([proxy.down(), proxy.heal(), proxy.down(), proxy.heal()]);
  await pair();
});

test("delay, split and pace: each byte is late, and in a piece of its own", async (t) => {
  const { proxy, pair } = await both(t);
  const [client, server] = await pair();
  proxy.strike({ toClient: { delay: 100, split: 1, pace: 10 }, toServer: { split: 3 } });
  const start = performance.now();
  server.socket.write("trickle");
  client.socket.write("12345678");
  await until(() => client.text === "trickle" && server.text === "12345678", "both texts");
  assert.ok(client.chunks[0].at - start >= 95);
  assert.deepEqual(
    client.chunks.map(({ bytes }) => bytes),
    [1, 1, 1, 1, 1, 1, 1],
  );
  assert.ok(client.chunks.at(-1).at - client.chunks[0].at >= 50, "they were not paced");
  // Deno reads later, and finds the pieces joined.
  if (here !== "deno") assert.ok(server.chunks.every(({ bytes }) => bytes <= 6));
});

test("every position: a flow that is cut, waits or is reset after n bytes passes exactly n before", async (t) => {
  const { proxy, pair } = await both(t);
  const text = "+OK\r\n$5\r\nhello\r\n";
  for (let after = 0; after <= text.length; after += 1) {
    const [client, server] = await pair();
    proxy.strike({ toClient: { after, do: "reset" } });
    server.socket.write(text);
    await until(() => client.closed, "the reset");
    assert.deepEqual([client.text, client.error], [text.slice(0, after), "ECONNRESET"]);
    await until(() => server.closed, "the other end");

    const [patient, other] = await pair();
    proxy.strike({ toClient: { after, do: { wait: 20 } } });
    other.socket.write(text);
    await until(() => patient.text === text, "the rest");
    if (after > 0 && after < text.length)
      assert.ok(patient.chunks.length >= 2 && patient.chunks[0].bytes === after, JSON.stringify(patient.chunks));
    patient.socket.destroy();
  }
});

test("drop swallows for ever and tells nobody; heal resets what has lost bytes", async (t) => {
  const { proxy, pair, ends } = await both(t);
  const [client, server] = await pair();
  proxy.strike({ toServer: { after: 2, do: "drop" }, toClient: { do: "drop" } });
  client.socket.write("12345");
  server.socket.write("nobody hears");
  await until(() => server.text === "12", "what passes before");
  proxy.strike({});
  client.socket.write("678");
  await sleep(100);
  assert.deepEqual([client.text, server.text, client.closed, server.closed], ["", "12", false, false]);
  const [healthy, its] = await pair();
  await proxy.heal();
  await until(() => client.closed && server.closed, "the reset");
  healthy.socket.write("well");
  await until(() => its.text === "well", "the other connection");
  // A client that goes away is not told of either.
  const [leaves, ghost] = await pair();
  proxy.strike({ toServer: { do: "drop" }, toClient: { do: "drop" } });
  leaves.socket.destroy();
  await sleep(100);
  assert.deepEqual([ghost.ended, ghost.closed], [false, false]);
  await proxy.heal();
  await until(() => ghost.closed, "the end of the ghost");
  assert.ok(ends.length >= 3);
});

test("stall builds up back-pressure, and what was held arrives whole when it is over", async (t) => {
  const { proxy, pair } = await both(t);
  const [client, server] = await pair();
  proxy.strike({ toServer: { do: "stall" } });
  const block = "y".repeat(1 << 20);
  let sent = 0;
  while (client.socket.write(block) || client.socket.writableLength < 32 << 20) sent += 1;
  await sleep(200);
  assert.ok(client.socket.writableLength > 8 << 20, `${client.socket.writableLength} bytes wait`);
  assert.equal(server.text, "");
  proxy.strike({});
  await until(() => server.text.length === (sent + 1) << 20 || server.text.length === sent << 20, "all of it", 20_000);
});

test("a receiver that does not read slows the sender, not the proxy's memory", async (t) => {
  const { pair } = await both(t);
  const [client, server] = await pair();
  client.socket.pause();
  const block = Buffer.alloc(1 << 20);
  for (let i = 0; i < 64; i += 1) server.socket.write(block);
  await sleep(300);
  assert.ok(server.socket.writableLength > 32 << 20, `${server.socket.writableLength} bytes wait`);
  client.socket.resume();
  await until(() => client.text.length === 64 << 20, "all of it", 20_000);
});

test("end is a half-close, say inserts, repeat duplicates", async (t) => {
  const { proxy, pair } = await both(t);
  const [client, server] = await pair();
  proxy.strike({ toClient: { after: 3, do: "end" } });
  server.socket.write("abcdef");
  await until(() => client.ended, "the end");
  client.socket.write("still here");
  await until(() => server.text === "still here", "the other direction");
  assert.deepEqual([client.text, server.ended], ["abc", false]);
  client.socket.end();
  await until(() => client.closed, "the close");

  const [second, other] = await pair();
  proxy.strike({ toClient: { after: 1, do: { say: "-garbage\r\n" } } });
  other.socket.write("ab");
  await until(() => second.text === "a-garbage\r\nb", "the garbage");
  proxy.strike({ toClient: { do: "repeat" } });
  other.socket.write("cd");
  await until(() => second.text.endsWith("cdcd"), "the repetition");
  other.socket.write("ef");
  await until(() => second.text.endsWith("cdcdef"), "the rest");
});

test("a script decides by connection, and dials the target only when there is something to pass on", async (t) => {
  const said = "HTTP/1.1 400 Bad Request\r\n\r\n";
  const faults = [
    { toServer: { do: "drop" } },
    { toClient: { do: { say: said } }, toServer: { do: "drop" } },
    { toServer: { after: 1, do: "reset" } },
  ];
  const { proxy, ends, pair } = await both(t, { script: ({ number }) => faults[number - 1] });
  const hung = await dialled(proxy);
  const other = await dialled(proxy);
  for (const client of [hung, other]) client.socket.write("PING\r\n");
  await until(() => other.text === said, "its words");
  await sleep(50);
  assert.deepEqual([hung.text, hung.closed, other.closed, ends.length], ["", false, false, 0]);
  const cut = await dialled(proxy);
  cut.socket.write("PING\r\n");
  await until(() => cut.error === "ECONNRESET", "the reset");
  await pair();
  await proxy.script({ toClient: { do: "reset" } });
  const next = await dialled(proxy);
  await until(() => next.closed, "the reset at once");
});

test("a target that is not there: the connection is reset; the proxy may come first", async (t) => {
  const port = await freePort();
  const proxy = await faultProxy(port);
  t.after(() => proxy.close());
  const client = await dialled(proxy);
  client.socket.write("PING\r\n");
  await until(() => client.closed, "the reset");
  assert.equal(client.error, "ECONNRESET");
});

test("its URL is the target's with another host and port, and what is no target is refused", async (t) => {
  const port = await freePort();
  const shown = async (target, options) => {
    const proxy = await faultProxy(target, options);
    t.after(() => proxy.close());
    return proxy.url.replace(String(proxy.port), "PORT");
  };
  assert.equal(await shown(port), "redis://127.0.0.1:PORT");
  assert.equal(await shown("redis://u:p%40@example.com/3?protocol=2"), "redis://u:p%40@127.0.0.1:PORT/3?protocol=2");
  assert.equal(await shown(new URL("rediss://[::1]:7000"), { host: "::1" }), "rediss://[::1]:PORT");
  assert.equal(await shown("unix:///tmp/redis.sock?db=2"), "redis://127.0.0.1:PORT?db=2");
  assert.equal(await shown(1, { port }), "redis://127.0.0.1:PORT");
  for (const target of ["localhost:6379", "http://localhost", "redis://", "garbage"])
    await assert.rejects(faultProxy(target), TypeError);
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  await assert.rejects(faultProxy(1, { port: taken.address().port }), { code: "EADDRINUSE" });
  taken.close();
});

test("before Redis: over TCP, TLS and a Unix socket, with the URL as the proxy gives it", async (t) => {
  const server = await startRedis({ socket: true, args: ["--requirepass", "right"] });
  const secure = await startRedis({ tls: true });
  t.after(() => Promise.all([server.stop(), secure.stop()]));
  const observer = await observe(server, "right");
  t.after(() => observer.close());
  for (const [url, options] of [
    [`redis://:right@127.0.0.1:${server.port}/2`, {}],
    [server.url, { password: "right" }],
    [secure.url, { tls: secure.tls }],
  ]) {
    const proxy = await faultProxy(url);
    const client = createClient({ url: proxy.url, logger: false, ...options });
    assert.equal(await client.set("k", "v".repeat(100_000)), "OK");
    assert.equal((await client.get("k")).length, 100_000);
    assert.deepEqual([proxy.connections, proxy.accepted], [1, 1]);
    await proxy.reset();
    assert.equal(await client.strlen("k"), 100_000);
    await client.close();
    await until(() => proxy.connections === 0, "the close");
    await proxy.close();
  }
  await observer.othersBecome(0);
});

test("a fault that makes no sense is refused by name, and changes nothing", async (t) => {
  const { proxy, pair } = await both(t);
  const [client, server] = await pair();
  for (const [fault, message] of [
    [{ toclient: { do: "reset" } }, /unknown direction "toclient"; did you mean toClient\?/],
    [{ toClient: { do: "rest" } }, /toClient: unknown do "rest"; did you mean reset\?/],
    [{ toClient: { do: "explode" } }, /unknown do "explode"; there are drop, stall, end, close, reset, repeat/],
    [{ toServer: { spilt: 1 } }, /toServer: unknown option "spilt"; did you mean split\?/],
    [{ toServer: { split: 0 } }, /split must be a whole number of bytes from 1; it is 0/],
    [{ toServer: { split: Number.NaN } }, /split must be .*; it is NaN/],
    [{ toServer: { after: -1, do: "drop" } }, /after must be a whole number of bytes from 0/],
    [{ toClient: { delay: "10ms" } }, /delay must be a number of milliseconds/],
    [{ toClient: { delay: Number.POSITIVE_INFINITY } }, /delay must be/],
    [{ toClient: { pace: -1 } }, /pace must be/],
    [{ toClient: { do: { wiat: 5 } } }, /toClient.do: unknown option "wiat"; did you mean wait\?/],
    [{ toClient: { do: { wait: "5" } } }, /wait must be/],
    [{ toClient: { do: { say: 5 } } }, /say must be a string or a Uint8Array/],
    [{ toClient: { do: {} } }, /do is one of/],
    [{ toClient: { do: { wait: 1, say: "x" } } }, /do is one of/],
    [{ toClient: "reset" }, /toClient takes an object of options/],
    [null, /a fault is an object.* not null/],
    ["reset", /a fault is an object/],
  ]) {
    const isMistake = (error) => error instanceof TypeError && message.test(error.message);
    assert.throws(() => proxy.strike(fault), isMistake);
    await assert.rejects(proxy.script(fault), isMistake);
    await assert.rejects(faultProxy(1, { script: fault }), isMistake);
  }
  assert.throws(() => proxy.strike(), /a fault is an object.* not undefined/);
  await assert.rejects(proxy.slow("fast"), /slow\(\) takes a number of milliseconds/);
  await assert.rejects(faultProxy(1, { prot: 1 }), /faultProxy\(\): unknown option "prot"; did you mean port\?/);
  await assert.rejects(faultProxy(1, null), /takes an object of options/);
  proxy.strike({ toServer: undefined, toClient: { delay: undefined, split: undefined, do: undefined } });
  client.socket.write("well");
  await until(() => server.text === "well", "what passes");
  const [, far] = await pair();
  assert.equal(far.closed, false);
});

test("a target that is none is refused in one sentence, without what may be a password in it", async () => {
  for (const [target, what] of [
    [undefined, "undefined"],
    [null, "null"],
    [Number.NaN, "NaN"],
    [0, "0"],
    [65_536, "65536"],
    [1.5, "1.5"],
    ["", "an empty string"],
    ["nonsense", "a text that is no such URL"],
    ["redis//:secret@host", "a text that is no such URL"],
    ["http://u:secret@host", "a text that is no such URL"],
    [new URL("http://u:secret@host"), "another URL"],
    [{}, "an object"],
  ]) {
    const message =
      "faultProxy() takes the URL of a Redis server, as in redis://127.0.0.1:6379, or a port from 1 to 65535, not ";
    await assert.rejects(faultProxy(target), { name: "TypeError", message: message + what });
  }
});

test("a script that fails resets its connection, and is told of by errors and close", async (t) => {
  const mistake = new Error("a mistake in the test");
  const results = [
    () => {
      throw mistake;
    },
    () => ({ toclient: {} }),
    async () => {
      throw new Error("late");
    },
    () => {
      throw "no error";
    },
    () => null,
  ];
  const { proxy } = await both(t, { script: ({ number }) => results[number - 1]() });
  for (let number = 1; number <= 4; number += 1) {
    const client = await dialled(proxy);
    await until(() => client.closed, "the reset");
    assert.equal(proxy.errors.length, number);
  }
  const fine = await dialled(proxy);
  assert.equal(proxy.connections, 1);
  fine.socket.destroy();
  assert.deepEqual(
    proxy.errors.map(({ message }) => message),
    [
      "a mistake in the test",
      'script: unknown direction "toclient"; did you mean toClient?',
      "script: the function must give its fault at once, not a promise",
      "the script threw no error",
    ],
  );
  proxy.close();
  await assert.rejects(proxy.close(), mistake);
  assert.equal((await dialled(proxy)).error, "ECONNREFUSED");
});
