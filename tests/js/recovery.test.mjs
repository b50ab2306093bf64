// Redis goes away and comes back: nobody restarts, nothing is thrown, and the log says it once.
import assert from "node:assert/strict";
import test from "node:test";
import { freePort, startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";
import { observe } from "./observer.mjs";
import { closing, nobody, resetting, saying, scripted, silent } from "./peers.mjs";
import { answer } from "./programs.mjs";

const logger = false;

/** A logger that keeps its lines. */
function keeper() {
  const lines = [];
  return { lines, info: (line) => lines.push(`info ${line}`), warn: (line) => lines.push(`warn ${line}`) };
}

/** Asks again and again, as requests do, until it holds. */
async function until(holds, within = 15_000) {
  const limit = performance.now() + within;
  while (!(await holds())) {
    assert.ok(performance.now() < limit, "it did not come to hold in time");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("a restart of the server is survived without anybody's doing, by commands alone", async (t) => {
  const server = await startRedis();
  const client = createClient({ url: server.url, logger });
  t.after(() => client.close());
  assert.equal(await client.set("k", "1"), "OK");
  await server.kill();
  const error = await client.get("k").catch((error) => error);
  assert.ok(["DisabledError", "ConnectionLostError"].includes(error.kind), error.kind);
  await until(() => client.status().state === "disabled");
  assert.equal(client.status().reason, "refused");
  await server.restart();
  t.after(() => server.stop());
  await until(() =>
    client.ping().then(
      (reply) => reply === "PONG",
      () => false,
    ),
  );
  assert.equal(client.status().state, "ready");
  assert.equal(client.status().attempts, 0);
});

test("the guard `if (!redis.isReady) return load()` recovers by itself, and asking is cheap", async (t) => {
  const port = await freePort();
  const client = createClient({ url: `redis://127.0.0.1:${port}`, logger });
  t.after(() => client.close());
  const request = async () => (client.isReady ? await client.ping() : "loaded");
  assert.equal(await request(), "loaded");
  await until(() => client.status().state === "disabled");
  for (let i = 0; i < 10_000; i += 1) client.isReady;
  assert.ok(client.stats().dials < 10, `${client.stats().dials} dials`);
  const server = await startRedis({ port });
  t.after(() => server.stop());
  await until(async () => (await request()) === "PONG");
});

test("while the target is disabled demand dials no faster than the backoff, 50 ms doubling to 2 s", async (t) => {
  const peer = await resetting();
  t.after(() => peer.close());
  const client = createClient({ url: peer.url, logger });
  t.after(() => client.close());
  const end = performance.now() + 1_500;
  let errors = 0;
  while (performance.now() < end) {
    await client.get("k").catch((error) => {
      assert.equal(error.kind, "DisabledError");
      errors += 1;
    });
    await new Promise(setImmediate);
  }
  assert.ok(errors > 100, `${errors} commands`);
  // Without jitter it would be 6 or 7.
  assert.ok(peer.accepted >= 2 && peer.accepted <= 40, `${peer.accepted} dials`);
  assert.equal(client.stats().dials, peer.accepted);
});

test('offline: "wait" waits and succeeds when the server comes within the budget', async (t) => {
  const port = await freePort();
  const client = createClient({
    url: `redis://127.0.0.1:${port}`,
    logger,
    offline: "wait",
    timeouts: { connect: "20s", command: "5s" },
  });
  t.after(() => client.close());
  await client.init();
  assert.equal(client.status().state, "disabled");
  const waiting = [client.set("waited", "for"), client.get("waited")];
  const server = await startRedis({ port });
  t.after(() => server.stop());
  assert.deepEqual(await Promise.all(waiting), ["OK", "for"]);
});

test('offline: "wait" gives a TimeoutError in its budget, and another handle still rejects at once', async (t) => {
  const client = createClient({ url: await nobody(), logger });
  t.after(() => client.close());
  const patient = client.with({ offline: "wait", timeouts: { connect: 1_000 } });
  t.after(() => patient.close());
  await client.init();
  const start = performance.now();
  const late = patient.get("k").catch((error) => error);
  await assert.rejects(client.get("k"), { kind: "DisabledError" });
  assert.ok(performance.now() - start < 900);
  const error = await late;
  const took = performance.now() - start;
  assert.deepEqual([error.kind, error.sent, error.code], ["TimeoutError", "no", "EDGIS_TIMEOUT"]);
  assert.ok(["queue", "connect"].includes(error.phase), error.phase);
  assert.ok(took >= 995 && took < 3_000, `${took} ms`);
});

test("what can never work does not wait", async (t) => {
  const client = createClient({ url: "garbage", offline: "wait", logger });
  t.after(() => client.close());
  await assert.rejects(client.get("k"), { kind: "DisabledError", reason: "bad-url" });
});

test("ready() waits over many dials, and rejects with the reason in its time", async (t) => {
  const port = await freePort();
  const client = createClient({ url: `redis://127.0.0.1:${port}`, logger });
  t.after(() => client.close());
  const start = performance.now();
  await assert.rejects(client.ready({ timeout: 400 }), {
    kind: "ConnectError",
    reason: "refused",
    code: "EDGIS_CONNECT",
  });
  assert.ok(performance.now() - start < 2_000);
  const ready = client.ready({ timeout: "20s" });
  const server = await startRedis({ port });
  t.after(() => server.stop());
  assert.equal(await ready, client);
  const locked = await startRedis({ args: ["--requirepass", "x"] });
  t.after(() => locked.stop());
  const stranger = createClient({ url: locked.url, logger });
  t.after(() => stranger.close());
  await assert.rejects(stranger.ready(), { kind: "AuthError", code: "EDGIS_AUTH" });
  const unset = createClient({ url: undefined, logger });
  await assert.rejects(unset.ready(), { kind: "DisabledError", reason: "unconfigured" });
  await unset.close();
  await assert.rejects(unset.ready(), { kind: "DisabledError", reason: "closed" });
});

test("no failure ends a process: nothing is unhandled, nothing uncaught, and no listener is needed", async (t) => {
  const peers = await Promise.all([
    closing(),
    resetting(),
    silent(),
    saying("HTTP/1.1 400\r\n\r\n"),
    saying("-ERR no\r\n"),
  ]);
  // Accepts us, and then hangs up, talks nonsense or keeps silent at the first command.
  const greets = (then) =>
    scripted(([name], socket) => (name === "HELLO" || name === "CLIENT" ? undefined : then(socket)));
  peers.push(
    await greets((socket) => void socket.destroy()),
    await greets(() => "garbage\r\n"),
    await greets(() => undefined),
  );
  peers.push(
    await greets(() => "*-7\r\n"),
    await scripted(([name]) => (name === "HELLO" ? undefined : "+a\r\n+b\r\n")),
  );
  t.after(() => Promise.all(peers.map((peer) => peer.close())));
  const urls = ["", "garbage", "redis://no-such-host.invalid", await nobody(), ...peers.map((peer) => peer.url)];
  const { unhandled, uncaught, states, stderr } = await answer(
    `
    const { createClient } = await import("edgis");
    const states = [];
    for (const url of JSON.parse(process.env.URLS)) {
      for (const offline of ["reject", "wait"]) {
        const client = createClient({ url, offline, timeouts: { connect: 300, command: 200 }, logger: false });
        for (let i = 0; i < 20; i += 1) {
          client.set("fire", "and forget"); client.get("k"); client.call("PING"); client.bytes.get("k"); client.hset("h", { a: 1 });
          client.init(); client.connect(); client.isReady;
        }
        states.push((await client.init()).state);
        await new Promise((go) => setTimeout(go, 250));
        client.set("again", 1); client.get("again");
        client.close();
        client.get("closed"); client.with({ offline: "wait" }).get("closed too");
      }
    }
    await new Promise((go) => setTimeout(go, 1000));
    console.log(JSON.stringify({ unhandled: __unhandled, uncaught: __uncaught, states }));
    process.exit();
    `,
    { witnessed: true, env: { URLS: JSON.stringify(urls) } },
  );
  assert.deepEqual({ unhandled, uncaught }, { unhandled: 0, uncaught: 0 }, stderr);
  assert.ok(
    states.every((state) => state === "disabled" || state === "ready" || state === "connecting"),
    String(states),
  );
});

test("one line a state change, with what happened, the address, the process and the client", async () => {
  const server = await startRedis();
  const log = keeper();
  const client = createClient({ url: server.url, logger: log });
  const second = createClient({ url: server.url, logger: log });
  await Promise.all([client.ping(), second.ping()]);
  await server.kill();
  await until(() => client.status().state === "disabled");
  for (let i = 0; i < 50; i += 1) await client.get("k").catch(() => {});
  await client.close();
  await second.close();
  const address = `127.0.0.1:${server.port}`;
  const [connecting, ready, lost, disabled] = log.lines;
  assert.match(
    connecting,
    new RegExp(`^info \\[edgis\\] connecting to ${address} \\(process ${process.pid}, .*client \\d+, dial \\d+`),
  );
  assert.match(ready, new RegExp(`^info \\[edgis\\] ready: connected to ${address} .* in \\d+ ms`));
  assert.match(lost, /^warn \[edgis\] the connection to .* was lost.*; connecting to/);
  assert.match(disabled, /^warn \[edgis\] disabled \(refused\): .*ECONNREFUSED.*start Redis/);
  assert.equal(log.lines.length, new Set(log.lines).size, "no line twice");
  assert.ok(log.lines.length <= 6, log.lines.join("\n"));
});

test("a target that is disabled straight from ready is not said to be ready", async (t) => {
  // The fourth link in a row that dies young is not dialled again at once.
  const peer = await scripted(([name], socket) => (name === "SET" ? void socket.destroy() : undefined));
  t.after(() => peer.close());
  const client = createClient({ url: peer.url, logger, retry: { base: "20s", cap: "20s" } });
  t.after(() => client.close());
  for (let i = 0; i < 4; i += 1) {
    assert.equal((await client.init()).state, "ready");
    await assert.rejects(client.set("k", "v"), { kind: "ConnectionLostError" });
  }
  assert.equal(client.status().state, "disabled");
  assert.equal((await client.init()).state, "disabled");
  await assert.rejects(client.ready({ timeout: 100 }), { kind: "ConnectError" });
});

test("a target that comes back by the dial that was to replace a link in doubt is said to be ready", async (t) => {
  const peer = await scripted(([name], socket) => {
    if (name === "SET") socket.destroy();
    if (name === "PING" && peer.accepted === 5) setTimeout(() => socket.write("+PONG\r\n"), 150);
    else if (name !== "GET") return undefined;
    return "";
  });
  t.after(() => peer.close());
  const client = createClient({ url: peer.url, logger, retry: { base: "20s", cap: "20s" }, timeouts: { command: 50 } });
  t.after(() => client.close());
  for (let i = 0; i < 3; i += 1) {
    await client.init();
    await assert.rejects(client.set("k", "v"), { kind: "ConnectionLostError" });
  }
  await client.init();
  // The link is doubted, a dial begins, and then the link is lost: it is the fourth that dies young.
  await assert.rejects(client.get("k"), { kind: "TimeoutError" });
  await assert.rejects(client.set("k", "v"), { kind: "ConnectionLostError" });
  assert.equal((await client.init()).state, "disabled");
  await until(() => client.status().state === "ready");
  assert.equal((await client.init()).state, "ready");
  assert.equal(await client.ready({ timeout: 100 }), client);
});

test("a link that flaps does not flood the log, and says how much it left out", async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const observer = await observe(server);
  t.after(() => observer.close());
  const log = keeper();
  const client = createClient({ url: server.url, logger: log, offline: "wait", timeouts: { connect: "10s" } });
  t.after(() => client.close());
  for (let i = 0; i < 15; i += 1) {
    await client.get("k");
    await observer.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  }
  await client.get("k");
  assert.ok(client.stats().stateChanges >= 20, `${client.stats().stateChanges} changes`);
  assert.ok(log.lines.length <= 8, `${log.lines.length} lines`);
});

test("pino is taken as it is: methods that need their `this`, and objects with more of them", async (t) => {
  class PinoLike {
    lines = [];
    level = "info";
    info(line) {
      this.lines.push(line);
    }
    warn(line) {
      this.lines.push(line);
    }
    child() {}
  }
  const log = new PinoLike();
  const client = createClient({ url: await nobody(), logger: log });
  t.after(() => client.close());
  await client.init();
  await new Promise(setImmediate);
  assert.ok(log.lines.length >= 2 && log.lines.every((line) => typeof line === "string" && !line.includes("\n")));
});

test("a logger or a listener that throws makes nothing fail, also while Redis is away", async () => {
  const { unhandled, uncaught, heard, state } = await answer(
    `
    const { createClient } = await import("edgis");
    let heard = 0;
    const logger = { info() { throw new Error("logger"); }, warn() { throw new Error("logger"); } };
    const client = createClient({ url: process.env.URL_OF_TEST, logger });
    client.on("state", () => { throw new Error("listener"); }).on("state", () => { heard += 1; }).on("error", () => {});
    const { state } = await client.init();
    await client.get("k").catch(() => {});
    await new Promise((go) => setTimeout(go, 50));
    console.log(JSON.stringify({ unhandled: __unhandled, uncaught: __uncaught, heard, state }));
    `,
    { witnessed: true, env: { URL_OF_TEST: await nobody() } },
  );
  assert.deepEqual({ unhandled, uncaught, state }, { unhandled: 0, uncaught: 0, state: "disabled" });
  assert.ok(heard >= 2);
});

test("listeners hear every change with its status, until they are taken off", async (t) => {
  const server = await startRedis();
  const client = createClient({ url: server.url, logger });
  t.after(() => client.close());
  const heard = [];
  const listener = (status) => heard.push(status.state);
  assert.equal(client.on("state", listener), client);
  client.on("state", listener);
  await client.ping();
  await server.kill();
  await until(() => client.status().state === "disabled");
  await new Promise(setImmediate);
  assert.deepEqual(heard, ["connecting", "ready", "connecting", "disabled"]);
  assert.equal(client.off("state", listener), client);
  await until(() => client.get("k").catch(() => client.status().attempts > 2));
  assert.equal(heard.length, 4);
});
