// Redis is away, or is no Redis: what the status says, and how soon commands are told.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";
import { closing, nobody, proxy, resetting, saying, scripted, silent } from "./peers.mjs";

const logger = false;
let server;
before(async () => {
  server = await startRedis({ args: ["--requirepass", "right"] });
});
after(() => server.stop());

/** Dials, checks the status and that commands are told at once; gives the status. */
async function disabledWith(t, reason, options, { retryable = true } = {}) {
  const client = createClient({ logger, retry: { base: "1m", cap: "1m" }, ...options });
  t.after(() => client.close());
  const start = Date.now();
  const status = await client.init();
  assert.deepEqual([status.state, status.reason, status.retryable], ["disabled", reason, retryable], status.message);
  assert.ok(status.hint.length > 10 && status.message.length > 10);
  assert.ok(status.since >= start - 5 && status.since <= Date.now() + 5);
  if (retryable) assert.ok(status.retryAt >= start, `${status.retryAt} is before ${start}`);
  else assert.equal(status.retryAt, undefined);
  assert.deepEqual(client.status(), status);
  assert.equal(client.isOpen || client.isReady, false);
  // Once it is known, an answer is a matter of microseconds; the best of a few tells it from a busy machine.
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i += 1) {
    const asked = performance.now();
    const error = await client.get("key").catch((error) => error);
    best = Math.min(best, performance.now() - asked);
    assert.deepEqual([error.kind, error.reason, error.sent, error.command], ["DisabledError", reason, "no", "GET"]);
    assert.ok(error.message.includes(status.message) && error.message.includes(status.hint));
    assert.equal(error.retry, retryable);
    const causes = {
      auth: "AuthError",
      "bad-url": "ConfigError",
      "bad-option": "ConfigError",
      unconfigured: "ConfigError",
    };
    const { kind, code, message } = error.cause;
    assert.equal(kind, causes[reason] ?? "ConnectError");
    if (kind === "ConfigError") assert.equal(code, "EDGIS_CONFIG");
    assert.ok(message.includes(status.message));
  }
  assert.ok(best <= 5, `the fastest of five took ${best} ms`);
  return status;
}

test("no URL: unconfigured", async (t) => {
  await disabledWith(t, "unconfigured", { url: undefined }, { retryable: false });
  await disabledWith(t, "unconfigured", { url: "  " }, { retryable: false });
});

test("a URL that cannot be understood: bad-url, with the mistake named", async (t) => {
  const mistakes = {
    "127.0.0.1:6379": /scheme/,
    "https://h": /HTTP/,
    "redis://:a/b@h": /%2F/,
    "redis://h:99999": /port/,
    "redis://h/x": /database/,
  };
  for (const [url, said] of Object.entries(mistakes)) {
    const { message } = await disabledWith(t, "bad-url", { url }, { retryable: false });
    assert.match(message, said);
  }
});

test("an option that does not exist: bad-option, with the name that was meant", async (t) => {
  const url = "redis://127.0.0.1:1";
  const mistakes = [
    [{ conectTimeout: 5 }, /conectTimeout/],
    [{ timeout: 5 }, /did you mean timeouts\?/],
    [{ timeouts: { comand: 5 } }, /timeouts\.comand; did you mean timeouts\.command\?/],
    [{ pasword: "hunter2" }, /pasword; did you mean password\?/],
    [{ timeouts: { connect: "2 seconds" } }, /timeouts\.connect must be/],
    [{ db: 1.5 }, /db/],
    [{ protocol: 4 }, /protocol must be 2 or 3/],
    [{ offline: "queue" }, /offline must be/],
  ];
  for (const [options, said] of mistakes) {
    const { message } = await disabledWith(t, "bad-option", { url, ...options }, { retryable: false });
    assert.match(message, said);
    assert.ok(!message.includes("hunter2"));
  }
});

test("a host name without an address: dns", async (t) => {
  const { message } = await disabledWith(t, "dns", {
    url: "redis://no-such-host.invalid",
    timeouts: { connect: "20s" },
  });
  assert.match(message, /no-such-host\.invalid/);
});

test("nothing listens: refused, with the address", async (t) => {
  const url = await nobody();
  const { address, message } = await disabledWith(t, "refused", { url });
  assert.equal(`redis://${address}`, url);
  assert.ok(message.includes(address));
});

test("no Unix socket: refused, with its path", async (t) => {
  const { address } = await disabledWith(t, "refused", { url: "unix:///tmp/no-such-redis.sock" });
  assert.equal(address, "/tmp/no-such-redis.sock");
});

test("accepted and closed: closed; accepted and cut: reset", async (t) => {
  for (const [make, reason] of [
    [closing, "closed"],
    [resetting, "reset"],
  ]) {
    const peer = await make();
    t.after(() => peer.close());
    const { hint, address } = await disabledWith(t, reason, { url: peer.url });
    assert.match(hint, /127\.0\.0\.1/);
    assert.equal(address, `127.0.0.1:${peer.port}`);
  }
});

test("a peer that keeps silent: timeout, within the connect budget", async (t) => {
  const peer = await silent();
  t.after(() => peer.close());
  const start = performance.now();
  await disabledWith(t, "timeout", { url: peer.url, timeouts: { connect: 250 } });
  const took = performance.now() - start;
  assert.ok(took >= 240 && took < 1_500, `${took} ms`);
});

test("a peer that is no Redis: protocol", async (t) => {
  for (const bytes of [
    "HTTP/1.1 400 Bad Request\r\n\r\n",
    "SSH-2.0-OpenSSH_9.6\r\n",
    "\x15\x03\x01\x00\x02\x02\x46",
    "$99999999999\r\n",
    "*1\r\n".repeat(200),
  ]) {
    const peer = await saying(bytes);
    t.after(() => peer.close());
    const { hint } = await disabledWith(t, "protocol", { url: peer.url });
    assert.match(hint, /not Redis/);
  }
});

test("credentials that are wrong or missing: auth, tried again after 30 s and not sooner", async (t) => {
  for (const options of [
    {},
    { password: "wrong" },
    { username: "nobody", password: "right" },
    { protocol: 2 },
    { protocol: 2, password: "wrong" },
  ]) {
    const { retryAt, since } = await disabledWith(t, "auth", { url: server.url, ...options });
    assert.ok(Math.abs(retryAt - since - 30_000) < 50, `${retryAt - since} ms`);
  }
});

test("a database that does not exist: denied, in both protocols", async (t) => {
  for (const protocol of [2, 3]) {
    const { message } = await disabledWith(t, "denied", { url: server.url, password: "right", db: 99, protocol });
    assert.match(message, /out of range/);
  }
});

test("no room for another client: maxclients", async (t) => {
  const full = await startRedis({ args: ["--maxclients", "1"] });
  const first = createClient({ url: full.url, logger, share: false });
  t.after(async () => {
    await first.close();
    await full.stop();
  });
  await first.ready();
  const { message } = await disabledWith(t, "maxclients", { url: full.url, share: false });
  assert.match(message, /max number of clients/);
  await first.close();
});

test("a server that is loading its data, or is part of a cluster that is down, says so at the handshake", async (t) => {
  const said = {
    loading: "-LOADING Redis is loading the dataset in memory\r\n",
    cluster: "-CLUSTERDOWN The cluster is down\r\n",
  };
  for (const [reason, text] of Object.entries(said)) {
    const peer = await scripted(([name]) => (name === "HELLO" ? text : undefined));
    t.after(() => peer.close());
    await disabledWith(t, reason, { url: peer.url });
  }
});

test("TLS to a port without TLS: Redis keeps silent, so timeout, and the message has the idea", async (t) => {
  const url = server.url.replace("redis:", "rediss:");
  const { message } = await disabledWith(t, "timeout", { url, timeouts: { connect: 300 } });
  assert.match(message, /without TLS/);
});

test("a certificate that nobody trusts: tls; with its authority, or rejectUnauthorized: false, ready", async (t) => {
  const secure = await startRedis({ tls: true, args: ["--requirepass", "right"] });
  t.after(() => secure.stop());
  const { url } = secure;
  const { ca } = secure.tls;
  await disabledWith(t, "tls", { url });
  for (const tls of [{ ca: Buffer.from(ca) }, { ca, servername: "localhost" }, { rejectUnauthorized: false }]) {
    const client = createClient({ url, logger, tls, password: "right" });
    assert.equal((await client.init()).state, "ready", JSON.stringify(client.status()));
    assert.equal(await client.set("over-tls", "x".repeat(100_000)), "OK");
    assert.equal((await client.get("over-tls")).length, 100_000);
    await client.close();
  }
  await disabledWith(t, "tls", { url, tls: { ca, servername: "other.example" }, password: "right" });
  // Plain words to a TLS port.
  const plain = createClient({ url: url.replace("rediss:", "redis:"), logger });
  const { reason, hint } = await plain.init();
  assert.ok(["protocol", "reset", "closed"].includes(reason), reason);
  assert.match(hint, /TLS.*rediss:/);
  await plain.close();
});

test("of several addresses each is in the message, and the one that works is used", async (t) => {
  const { port } = server;
  const client = createClient({ url: `redis://localhost:${port}`, password: "right", logger });
  t.after(() => client.close());
  assert.equal((await client.init()).state, "ready");
  assert.equal(client.status().address, `127.0.0.1:${port}`);
  const { message } = await disabledWith(t, "refused", { url: `redis://localhost:${new URL(await nobody()).port}` });
  assert.match(message, /127\.0\.0\.1/);
});

test("an address that accepts and hangs up does not hide one that works", async (t) => {
  const { listen } = await import("./peers.mjs");
  let trap;
  try {
    trap = await listen((socket) => socket.destroy(), { host: "::1", port: server.port });
  } catch {
    return t.diagnostic("this machine has no ::1");
  }
  t.after(() => trap.close());
  const client = createClient({ url: `redis://localhost:${server.port}`, password: "right", logger });
  t.after(() => client.close());
  const status = await client.init();
  assert.deepEqual([status.state, status.address], ["ready", `127.0.0.1:${server.port}`]);
});

test("credentials that a function gives are asked for at each dial; when it fails: credentials", async (t) => {
  const { message } = await disabledWith(t, "credentials", {
    url: server.url,
    credentials: () => Promise.reject(new Error("the vault is sealed")),
  });
  assert.match(message, /the vault is sealed/);
  let asked = 0;
  const credentials = async () => {
    asked += 1;
    return { password: "right" };
  };
  const client = createClient({ url: server.url, logger, credentials });
  t.after(() => client.close());
  assert.equal(await client.ping(), "PONG");
  await client.clientKill("TYPE", "normal", { SKIPME: "no" }).catch(() => {});
  await client.ready();
  await client.ping();
  assert.equal(asked, 2);
});

test("a proxy that knows neither HELLO nor CLIENT gives a RESP2 link", async (t) => {
  const before = await proxy(server, ([name]) =>
    /^(HELLO|CLIENT)$/.test(name) ? `-ERR unknown command '${name}'\r\n` : undefined,
  );
  t.after(() => before.close());
  const client = createClient({ url: before.url, password: "right", db: 2, name: "me", logger });
  t.after(() => client.close());
  assert.equal((await client.init()).state, "ready", client.status().message);
  assert.equal(await client.set("k", "v"), "OK");
  assert.equal(await client.get("k"), "v");
});
