// What does nothing until it is used, and what lets a process end.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";
import { nobody, silent } from "./peers.mjs";
import { answer, run } from "./programs.mjs";

let server;
before(async () => {
  server = await startRedis();
});
after(() => server.stop());

/** Time for node to start and to load the package, with room for a busy machine; a forgotten timer or socket is longer. */
const atOnce = 8_000;

/** Ends a program that does not end by itself, so that it is told apart. */
const bomb = `setTimeout(() => { console.error("still alive"); process.exit(99); }, ${atOnce}).unref();`;

async function endsByItself(source, options) {
  const ended = await run(source, options);
  assert.deepEqual([ended.code, ended.stderr], [0, ""], ended.stdout);
  assert.ok(ended.milliseconds < atOnce, `${ended.milliseconds} ms`);
}

test("import and createClient open, start and compile nothing, whatever the URL", async () => {
  const { resources, handles, compiled, engines, randoms } = await answer(`
    let compiled = 0, randoms = 0;
    const { Module } = WebAssembly;
    WebAssembly.Module = class extends Module { constructor(bytes) { super(bytes); compiled += 1; } };
    const { random } = Math;
    Math.random = () => { randoms += 1; return random(); };
    const { createClient } = await import("edgis");
    const urls = [undefined, "", "garbage", "http://x", "redis://", "redis://:p@ss/w@h", "redis://no-such-host.invalid", "redis://10.255.255.1", "redis://127.0.0.1:1", 7, {}, null];
    for (const url of urls) createClient({ url });
    createClient();
    const engines = Object.getOwnPropertySymbols(globalThis).filter((key) => String(key).includes("edgis")).length;
    console.log(JSON.stringify({
      resources: process.getActiveResourcesInfo().filter((name) => /Timeout|Immediate|TCP|TLS|AddrInfo/.test(name)).length,
      handles: process._getActiveHandles().filter((handle) => handle.constructor.name === "Socket" && handle.remotePort).length,
      compiled, engines, randoms,
    }));
  `);
  assert.deepEqual(
    { resources, handles, compiled, engines, randoms },
    { resources: 0, handles: 0, compiled: 0, engines: 0, randoms: 0 },
  );
});

test("createClient never throws, whatever it is given", async () => {
  const circular = {};
  circular.self = circular;
  const strange = [
    null,
    undefined,
    7,
    "redis://127.0.0.1",
    [],
    () => {},
    { url: Symbol("u") },
    { db: 1n },
    { db: "1" },
    { db: NaN },
  ];
  strange.push(
    { tls: circular },
    { limits: { bulk: 5n } },
    { timeouts: null },
    { retry: 7 },
    { logger: null },
    { logger: {} },
  );
  strange.push(
    { protocol: 3n },
    { name: "with space" },
    { name: "new\nline" },
    { family: {} },
    { id: 5 },
    { credentials: "x" },
  );
  strange.push(
    {
      url: () => {
        throw new Error("no");
      },
    },
    { url: async () => "redis://h" },
    { timeouts: { connect: "soon" } },
  );
  for (const [i, options] of strange.entries()) {
    const given = typeof options === "object" && options !== null && !Array.isArray(options) ? options : {};
    const complete = given === options ? { url: "redis://127.0.0.1:1", logger: false, ...given } : options;
    const client = createClient(complete);
    const status = client.status();
    assert.ok(["disabled", "idle"].includes(status.state), `${i}: ${status.state}`);
    if (status.state === "disabled") assert.notEqual(status.reason, "wasm", `${i}: ${status.message}`);
    await client.close();
  }
});

test("an explicit url: undefined reads no environment; without the property REDIS_URI, then REDIS_URL are read", async () => {
  const source = `
    import { createClient } from "edgis";
    const state = (options) => { const { state, reason } = createClient(options).status(); return reason ?? state; };
    const client = createClient({ logger: false });
    await client.init();
    console.log(JSON.stringify({
      explicit: state({ url: undefined, logger: false }),
      fn: state({ url: () => undefined, logger: false }),
      env: client.status().state,
      address: client.status().address,
    }));
  `;
  const { url, port } = server;
  const dead = "redis://127.0.0.1:1";
  const both = await answer(source, { env: { REDIS_URI: url, REDIS_URL: dead } });
  assert.deepEqual([both.explicit, both.fn, both.env], ["unconfigured", "unconfigured", "ready"]);
  assert.equal(both.address, `127.0.0.1:${port}`);
  assert.equal((await answer(source, { env: { REDIS_URL: url } })).env, "ready");
  assert.equal((await answer(source, { env: { REDIS_URI: "", REDIS_URL: url } })).env, "ready");
  assert.equal((await answer(source)).env, "disabled");
});

test("localhost is never dialled unasked", async () => {
  const client = createClient({ url: undefined, logger: false });
  const status = await client.init();
  assert.deepEqual([status.state, status.reason, status.retryable], ["disabled", "unconfigured", false]);
  assert.equal(client.stats().dials, 0);
  await client.close();
});

test("a process ends by itself after import, after createClient and after reading the status", async () => {
  await endsByItself(`${bomb} await import("edgis");`);
  await endsByItself(
    `${bomb} const { createClient } = await import("edgis"); createClient({ url: "redis://127.0.0.1:1" });`,
  );
  await endsByItself(`${bomb} const { createClient } = await import("edgis");
    const client = createClient({ url: "redis://127.0.0.1:1" }); client.status(); client.stats(); client.isOpen;`);
});

test("a process ends by itself after commands, with the connection idle and never closed", async () => {
  await endsByItself(
    `${bomb} const { createClient } = await import("edgis");
    const client = createClient({ logger: false, offline: "wait", timeouts: { connect: "10m", command: "10m" } });
    if ((await client.set("k", "v")) !== "OK" || (await client.get("k")) !== "v") process.exit(1);`,
    { env: { REDIS_URL: server.url } },
  );
});

test("a process ends by itself while a failed dial is in backoff", async () => {
  await endsByItself(
    `${bomb} const { createClient } = await import("edgis");
    const client = createClient({ logger: false, retry: { base: "1m", cap: "10m" } });
    const status = await client.init();
    if (status.state !== "disabled" || status.reason !== "refused") process.exit(1);`,
    { env: { REDIS_URL: await nobody() } },
  );
});

test("asking isReady keeps no process alive, though it begins a dial to a peer that never answers", async (t) => {
  const peer = await silent();
  t.after(() => peer.close());
  await endsByItself(
    `${bomb} const { createClient } = await import("edgis");
    const client = createClient({ logger: false, timeouts: { connect: "10m" } });
    if (client.isReady) process.exit(1);`,
    { env: { REDIS_URL: peer.url } },
  );
});

test("what is pending keeps the process alive: a top-level await never ends with code 13", async (t) => {
  const peer = await silent();
  t.after(() => peer.close());
  const slow = { env: { REDIS_URL: server.url } };
  await endsByItself(
    `const { createClient } = await import("edgis");
    const client = createClient({ logger: false, timeouts: { command: "5s" } });
    await client.call("DEBUG", "SLEEP", "0.3").catch(() => {});
    await client.clientPause(300);
    await client.set("k", "v");`,
    slow,
  );
  await endsByItself(
    `const { createClient } = await import("edgis");
    const client = createClient({ logger: false, timeouts: { connect: 300 } });
    const status = await client.init();
    if (status.reason !== "timeout") process.exit(1);`,
    { env: { REDIS_URL: peer.url } },
  );
  await endsByItself(
    `const { createClient } = await import("edgis");
    const client = createClient({ logger: false, offline: "wait", timeouts: { connect: 300 } });
    const error = await client.get("k").catch((error) => error);
    if (error.kind !== "TimeoutError") { console.error(error); process.exit(1); }
    const again = await client.get("k").catch((error) => error);
    if (again.kind !== "TimeoutError") { console.error(again); process.exit(1); }`,
    { env: { REDIS_URL: await nobody() } },
  );
  await endsByItself(
    `const { createClient } = await import("edgis");
    const client = createClient({ logger: false });
    const error = await client.ready({ timeout: 300 }).catch((error) => error);
    if (error.kind !== "ConnectError") { console.error(error); process.exit(1); }
    await client.close();`,
    { env: { REDIS_URL: await nobody() } },
  );
});

test("a command keeps a process alive that nobody awaits", async () => {
  await endsByItself(
    `const { createClient } = await import("edgis");
    createClient({ logger: false }).set("fire-and-forget", "1").then((reply) => { if (reply !== "OK") process.exit(1); process.exitCode = 0; });
    process.exitCode = 1;`,
    { env: { REDIS_URL: server.url } },
  );
});

test("close() waits for a reply and ends the process thereafter", async () => {
  await endsByItself(
    `${bomb} const { createClient } = await import("edgis");
    const client = createClient({ logger: false });
    const set = client.set("k", "v");
    await client.close();
    if ((await set) !== "OK") process.exit(1);`,
    { env: { REDIS_URL: server.url } },
  );
});
