// What options mean when they are undefined, durations in every form that their type takes, and what views share.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { startRedis } from "edgis/testing";
import { createClient, isRedisError } from "./connect.mjs";

const logger = false;
const names = ["id", "name", "username", "password", "credentials", "db", "tls", "family", "protocol", "integers"];
const more = ["timeouts", "offline", "retry", "limits", "logger", "share"];
const inner = {
  timeouts: ["connect", "command"],
  retry: ["base", "cap"],
  limits: ["staged", "stagedBytes", "pending", "bulk", "nesting"],
};
const none = (keys) => Object.fromEntries(keys.map((key) => [key, undefined]));

let server;
let secure;
before(async () => {
  [server, secure] = await Promise.all([startRedis(), startRedis({ tls: true })]);
});
after(() => Promise.all([server.stop(), secure.stop()]));

test("an option that is undefined is one that is not given: the target is the same", async () => {
  const plain = createClient({ url: server.url, logger });
  await plain.init();
  const options = [
    ...[...names, ...more].map((name) => ({ [name]: undefined })),
    ...Object.entries(inner).map(([name, keys]) => ({ [name]: none(keys) })),
    none([...names, ...more]),
  ];
  for (const given of options) {
    const client = createClient({ logger, url: server.url, ...given, ...("logger" in given && { id: undefined }) });
    assert.equal((await client.init()).state, "ready", JSON.stringify(Object.keys(given)));
    assert.equal(client.stats().dials, 1, `${JSON.stringify(Object.keys(given))} makes another target`);
    const view = client.with({ timeout: undefined, signal: undefined });
    const handle = client.with({ ...none(["offline", "timeouts", "integers", "logger", "timeout", "signal"]) });
    for (const each of [view, handle]) assert.equal(await each.ping(), "PONG");
    await handle.close();
    await client.close();
  }
  await plain.ready({ timeout: undefined });
  await plain.close();
  const trusting = { ...secure.tls, servername: undefined, rejectUnauthorized: undefined };
  const trusted = createClient({ url: `rediss://localhost:${secure.port}`, tls: trusting, logger });
  assert.equal((await trusted.init()).state, "ready", trusted.status().message);
  await trusted.close();
  // Undefined does not accept any certificate.
  const careful = createClient({ url: secure.url, tls: none(["ca", "cert", "key", "rejectUnauthorized"]), logger });
  assert.equal((await careful.init()).reason, "tls");
  await careful.close();
  const nowhere = createClient({ url: undefined, logger });
  assert.equal((await nowhere.init()).reason, "unconfigured");
});

test("a duration is whatever its type takes, if it is positive", async () => {
  for (const [timeout, isOne] of [
    ["1e3s", true],
    ["5 s", true],
    ["1.5s", true],
    ["20d", true],
    ["-5s", false],
    ["0ms", false],
    ["s", false],
    [" s", false],
    ["1_000ms", false],
    ["Infinitys", false],
    ["1e308d", false],
    ["NaNs", false],
    ["5", false],
  ]) {
    const client = createClient({ url: server.url, timeouts: { connect: timeout }, logger });
    assert.equal((await client.init()).reason, isOne ? undefined : "bad-option", timeout);
    await client.close();
  }
});

test("closing a view closes its client, and both say since when", async () => {
  for (const viewOf of [(client) => client.bytes, (client) => client.with({ timeout: "1s" })]) {
    const client = createClient({ url: server.url, logger });
    const view = viewOf(client);
    assert.equal(client.status().state, "idle");
    await client.init();
    const before = Date.now();
    await view.close();
    for (const each of [client, view]) {
      const { state, since } = each.status();
      assert.equal(state, "closed");
      assert.ok(since > before - 100 && since < before + 5_000, `since ${since}, closed at ${before}`);
    }
    await client.close();
  }
});

test("after isRedisError the kind tells the class, of which no error has lost anything", async () => {
  const client = createClient({ url: server.url, logger });
  await client.init();
  server.pause();
  const error = await client.get("k").catch((error) => error);
  server.resume();
  assert.ok(isRedisError(error));
  assert.deepEqual([error.kind, error.phase, error.name], ["TimeoutError", "reply", "TimeoutError"]);
  await client.close();
});

test("a mistake in the options of a call is named, with what was meant", async () => {
  const client = createClient({ url: server.url, logger });
  for (const [options, expected] of [
    [{ tiemout: 5 }, /ready\(\): unknown option tiemout; did you mean timeout\?/],
    [{ timeout: "5" }, /ready\(\): timeout must be a positive number of milliseconds/],
    [{ timeout: 0 }, /timeout must be/],
    [null, /ready\(\) takes an object of options/],
    ["5s", /ready\(\) takes an object of options/],
  ]) {
    await assert.rejects(client.ready(options), (error) => error.kind === "UsageError" && expected.test(error.message));
  }
  assert.equal(await client.ready({ timeout: "5s" }), client);
  for (const [options, expected] of [
    [{ darin: "2s" }, /close\(\): unknown option darin; did you mean drain\?/],
    [{ drain: 0, darin: 1 }, /unknown option darin/],
    [
      {
        get drain() {
          throw new Error("of a getter");
        },
      },
      /of a getter/,
    ],
  ]) {
    const other = createClient({ url: server.url, logger });
    await other.init();
    await assert.rejects(other.close(options), (error) => error.kind === "UsageError" && expected.test(error.message));
    assert.equal(other.status().state, "closed", "a mistake keeps nothing open");
  }
  // What callbacks are given is not meant for it.
  for (const given of [new Event("close"), "SIGTERM", 15, null, new Error("x")]) {
    const other = createClient({ url: server.url, logger });
    await other.init();
    await other.close(given);
  }
  await client.close();
});

test("options that could not be kept are refused, instead of read as others", async () => {
  const url = server.url;
  for (const [options, reason, expected] of [
    [{ url, limits: { nesting: 100 } }, "bad-option", /limits\.nesting must be at most 64/],
    [{ url, limits: { nesting: 64 } }],
    [{ url: `${url}?tls=true` }, "bad-url", /rediss:\/\//],
    [{ url: `${url}/0?ssl=1` }, "bad-url", /rediss:\/\//],
    [{ url: `${url}?tls=false&family=0` }],
    [{ url: `${url}?protcol=2` }, "bad-option", /the URL has an unknown parameter; did you mean protocol\?/],
    [{ url: `${url}/?family=0&datbase=1` }, "bad-option", /did you mean database\?/],
    [{ url, idelTimeout: 5 }, "bad-option", /did you mean idleTimeout\?/],
    [{ url, timeout: 5 }, "bad-option", /did you mean timeouts\?/],
    [{ url, tls: { cert: "x", keys: "y" } }, "bad-option", /tls\.keys; did you mean tls\.key\?/],
  ]) {
    const client = createClient({ ...options, logger });
    const { state, reason: given, message = "" } = await client.init();
    assert.deepEqual([state, given], reason === undefined ? ["ready", undefined] : ["disabled", reason], message);
    assert.match(message, expected ?? /^$/);
    await client.close();
  }
});

test("a client that was closed says so, whatever is asked of it, and connects no more", async () => {
  const client = createClient({ url: server.url, logger });
  await client.init();
  const { dials } = client.stats();
  await client.close();
  const { targets } = globalThis[Symbol.for("edgis.engine.1")];
  const before = targets.size;
  const closed = { kind: "DisabledError", reason: "closed" };
  await assert.rejects(client.connect(), closed);
  assert.equal((await client.init()).state, "closed");
  client.connect();
  for (const handle of [
    client.with({ integers: "bigint" }),
    client.with({ offline: "wait" }).bytes,
    client.with({ timeout: 50 }).with({ logger }),
    client.bytes.with({ integers: "number" }),
  ]) {
    await assert.rejects(handle.get("k"), closed);
    assert.equal(handle.status().state, "closed");
    assert.equal((await handle.init()).state, "closed");
    assert.ok(!handle.isReady);
    await handle.close();
  }
  assert.equal(dials, 1);
  assert.equal(targets.size, before);
});
