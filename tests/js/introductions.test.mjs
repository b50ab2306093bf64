// Servers and proxies that do not take an introduction as Redis of today does, each in its own words.
import assert from "node:assert/strict";
import test from "node:test";
import { startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";
import { scripted } from "./peers.mjs";

const logger = false;
const known = { PING: "+PONG\r\n", GET: "$2\r\nhi\r\n", AUTH: "+OK\r\n", SELECT: "+OK\r\n" };

async function asks(t, answer, options = {}) {
  const peer = await scripted(answer);
  t.after(() => peer.close());
  const { url = peer.url, ...others } = options;
  const client = createClient({ url: url.replace(/PORT/, new URL(peer.url).port), logger, share: false, ...others });
  t.after(() => client.close());
  return { peer, client, status: await client.init() };
}

for (const words of [
  "-ERR unknown command `HELLO`, with args beginning with: `3`, ",
  "-unsupported command 'HELLO'",
  "-NOPROTO unsupported protocol version",
  "-ERR Unknown Redis command 'HELLO'",
  "-ERR command not supported",
  "-ERR Command is not available: 'HELLO'.",
  "-ERR invalid command",
  "-ERR Syntax error in HELLO option 'setname'",
  "-ERR handle request, command 'HELLO' is not allowed",
  "+OK",
])
  test(`HELLO answered by ${words.slice(0, 40)}: RESP2`, async (t) => {
    const { client, status } = await asks(t, ([name]) => known[name] ?? `${words}\r\n`);
    assert.equal(status.state, "ready", status.message);
    assert.equal(await client.get("k"), "hi");
  });

test("a proxy that hangs up on what it does not know: protocol: 2 is said, and works", async (t) => {
  const answer = ([name], socket) => known[name] ?? void socket.end();
  const { status } = await asks(t, answer);
  assert.deepEqual([status.state, status.reason], ["disabled", "closed"]);
  assert.match(status.hint, /protocol: 2/);
  const second = await asks(t, answer, { protocol: 2 });
  assert.equal(second.status.state, "ready", second.status.message);
  assert.equal(await second.client.get("k"), "hi");
});

test("a proxy with a password that turns away HELLO, too, until AUTH has come", async (t) => {
  for (const protocol of [3, 2]) {
    const isIn = new WeakSet();
    const answer = ([name, ...args], socket) => {
      if (name === "AUTH" && args.at(-1) === "s3cret") isIn.add(socket);
      else if (!isIn.has(socket)) return "-NOAUTH Authentication required.\r\n";
      return known[name] ?? `-ERR unknown command '${name}'\r\n`;
    };
    const { client, status } = await asks(t, answer, { url: "redis://:s3cret@127.0.0.1:PORT", protocol });
    assert.equal(status.state, "ready", status.message);
    assert.equal(await client.get("k"), "hi");
    const wrong = await asks(t, answer, { url: "redis://:wr0ng@127.0.0.1:PORT", protocol });
    assert.equal(wrong.status.reason, "auth");
  }
});

test("before Redis 6 there are no users: a placeholder is left out, and the password is tried once", async (t) => {
  for (const user of ["", "h", "default"]) {
    for (const [password, state] of [
      ["s3cret", "ready"],
      ["wr0ng", "disabled"],
    ]) {
      const isIn = new WeakSet();
      const answer = ([name, ...args], socket) => {
        if (name === "AUTH" && args.length > 1) return "-ERR wrong number of arguments for 'auth' command\r\n";
        if (name === "AUTH" && args[0] !== "s3cret") return "-ERR invalid password\r\n";
        if (name === "AUTH") isIn.add(socket);
        if (name === "HELLO") return "-ERR unknown command `HELLO`, with args beginning with: `3`, \r\n";
        return isIn.has(socket) ? known[name] : "-NOAUTH Authentication required.\r\n";
      };
      const { peer, status } = await asks(t, answer, { url: `redis://${user}:${password}@127.0.0.1:PORT` });
      assert.equal(status.state, state, status.message);
      assert.equal(status.reason, state === "ready" ? undefined : "auth");
      assert.equal(peer.commands.filter(([name, ...args]) => name === "AUTH" && args.length === 1).length, 1);
    }
  }
});

test("a server that is busy with a script takes what ends it, from a new connection, too", async (t) => {
  const server = await startRedis({ args: ["--lua-time-limit", "50"] });
  t.after(() => server.stop());
  const connect = (options) => {
    const client = createClient({ url: server.url, logger, share: false, ...options });
    t.after(() => client.close());
    return client;
  };
  for (const protocol of [3, 2]) {
    const script = connect({ timeouts: { command: "20s" } })
      .call("EVAL", "while true do end", 0)
      .catch(({ message }) => message);
    const late = connect({ protocol });
    while (!/BUSY/.test(await late.get("k").catch(({ message }) => message)));
    const elsewhere = connect({ protocol, db: 1 });
    const { state, reason, hint } = await elsewhere.init();
    assert.deepEqual([state, reason], ["disabled", "busy"]);
    assert.match(hint, /SCRIPT KILL/);
    assert.equal(await connect({ protocol }).call("SCRIPT", "KILL"), "OK");
    assert.match(await script, /killed|SCRIPT KILL/i);
    const until = performance.now() + 10_000;
    while (performance.now() < until && (await elsewhere.set("k", 1).catch(() => "")) !== "OK");
    assert.equal(await elsewhere.get("k"), "1");
  }
});

test("MOVED that a script makes up ends nothing, in either protocol", async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  for (const protocol of [3, 2]) {
    const client = createClient({ url: server.url, logger, share: false, protocol });
    t.after(() => client.close());
    for (const said of ["MOVED 1 127.0.0.1:1", "ASK 1 127.0.0.1:1", "CLUSTERDOWN of mine"]) {
      for (let i = 0; i < 5; i += 1) {
        const made = client.call("EVAL", `return redis.error_reply('${said}')`, 0);
        const [{ reason }, other] = await Promise.allSettled([made, client.incr("others")]);
        assert.deepEqual([reason.kind, reason.message], ["ReplyError", said]);
        assert.equal(other.status, "fulfilled");
      }
    }
    assert.deepEqual([client.status().state, client.stats().dials], ["ready", 1]);
  }
});

test("MOVED of a server in cluster mode disables, in either protocol", async (t) => {
  const server = await startRedis({ args: ["--cluster-enabled", "yes"] });
  t.after(() => server.stop());
  for (const protocol of [3, 2]) {
    const client = createClient({ url: server.url, logger, share: false, protocol });
    t.after(() => client.close());
    await client.set("k", 1).catch(() => {});
    const until = performance.now() + 5_000;
    while (performance.now() < until && client.status().state === "ready") await client.ping().catch(() => {});
    assert.deepEqual([client.status().state, client.status().reason], ["disabled", "cluster"]);
  }
});
