// Which clients share a connection: what means the same is the same, what only looks alike is told in the log.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test, { after, before } from "node:test";
import { startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";

let server;
let secure;
before(async () => {
  [server, secure] = await Promise.all([startRedis({ args: ["--requirepass", "pw"] }), startRedis({ tls: true })]);
});
after(() => Promise.all([server.stop(), secure.stop()]));

/** How many connections the clients make of these options, and what they log. */
async function connected(options) {
  const lines = [];
  const logger = { info() {}, warn: (line) => lines.push(line) };
  const clients = options.map((given) => createClient({ logger, ...given }));
  const replies = await Promise.all(clients.map((client) => client.clientId()));
  await Promise.all(clients.map((client) => client.close()));
  return { count: new Set(replies).size, lines };
}

test("options that mean the same are one connection, however they are written", async () => {
  const { port } = server;
  const bytes = new TextEncoder().encode(secure.tls.ca);
  const other = { url: `rediss://localhost:${secure.port}` };
  const trusting = { rejectUnauthorized: false };
  for (const options of [
    [{ url: `redis://:pw@127.0.0.1:${port}` }, { url: `redis://default:pw@127.0.0.1:${port}/0` }],
    [
      { url: `redis://127.0.0.1:${port}`, password: "pw" },
      { url: `redis://:pw@127.0.0.1:${port}`, username: "default" },
    ],
    [
      { ...other, tls: { ca: secure.tls.ca } },
      { ...other, tls: { ca: bytes, servername: undefined } },
      { ...other, tls: { ca: [Buffer.from(bytes)] } },
      { url: other.url.replace("rediss", "redis"), tls: { ca: [secure.tls.ca] } },
    ],
    [
      { ...other, tls: { ca: bytes, ...trusting } },
      { ...other, tls: { ...trusting, ca: bytes.slice() } },
    ],
  ]) {
    const { count, lines } = await connected(options);
    assert.deepEqual([count, lines], [1, []], JSON.stringify(options.map(({ url }) => url)));
  }
  const key = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const different = [
    { ...other, tls: { ca: bytes } },
    { ...other, tls: { ca: `${secure.tls.ca}\n`, servername: undefined } },
  ];
  assert.equal((await connected(different)).count, 2, key.length);
});

test("true and no settings are the same TLS", async () => {
  const url = `rediss://localhost:${secure.port}`;
  const clients = [{}, { tls: true }, { tls: {} }, { tls: { ca: undefined } }].map((given) =>
    createClient({ url, logger: false, ...given }),
  );
  // Nobody trusts the certificate: it is enough to see whose dial it is.
  for (const client of clients) assert.equal((await client.init()).reason, "tls");
  assert.deepEqual(
    clients.map((client) => client.stats().dials),
    [1, 1, 1, 1],
  );
  await Promise.all(clients.map((client) => client.close()));
});

test("each credentials function has a connection, which is told once; with an id all have one", async () => {
  const url = `redis://127.0.0.1:${server.port}`;
  const made = () => ({ url, credentials: () => ({ password: "pw" }) });
  const { count, lines } = await connected(Array.from({ length: 4 }, made));
  assert.equal(count, 4);
  assert.equal(lines.length, 1, lines.join("\n"));
  assert.match(lines[0], /two credentials functions .* two connections.*createClient\(\{ id: "127\.0\.0\.1:\d+"/);
  const one = made();
  assert.deepEqual(await connected([one, one]), { count: 1, lines: [] });
  const named = Array.from({ length: 4 }, () => ({ ...made(), id: `127.0.0.1:${server.port}` }));
  assert.deepEqual(await connected(named), { count: 1, lines: [] });
});

test("one id for two servers or databases is told, without a secret", async () => {
  const url = `redis://:pw@127.0.0.1:${server.port}`;
  const { count, lines } = await connected([
    { url, id: "main" },
    { url: `${url}/0`, id: "main" },
    { url, id: "main", db: 3 },
    { url: `redis://:s3cret@localhost:1`, id: "main" },
    { url: `redis://:s3cret@localhost:1`, id: "main" },
  ]);
  assert.equal(count, 1);
  assert.equal(lines.length, 2, lines.join("\n"));
  assert.match(lines[0], /one id is given for 127\.0\.0\.1:\d+, database 0 and for 127\.0\.0\.1:\d+, database 3/);
  assert.match(lines[1], /and for localhost:1, database 0: all go to 127/);
  assert.ok(!lines.join().includes("s3cret") && !lines.join().includes("pw@"));
});

test("spellings of one server are not remembered for ever", async () => {
  const url = `redis://:pw@127.0.0.1:${server.port}`;
  const first = createClient({ url, logger: false });
  await first.init();
  const { keys } = globalThis[Symbol.for("edgis.engine.1")].targets.values().next().value;
  for (let i = 0; i < 500; i += 1) {
    const client = createClient({ url: `${url}/?app=${i}`, logger: false });
    assert.equal(client.status().state, "ready");
    await client.close();
  }
  assert.ok(keys.length < 20, `${keys.length} keys`);
  assert.equal(first.stats().dials, 1);
  assert.equal(await first.ping(), "PONG");
  await first.close();
});

test("a URL may be given as it is, alone or before the options", async () => {
  const url = `redis://:pw@127.0.0.1:${server.port}`;
  for (const client of [
    createClient(url, { logger: false }),
    createClient(new URL(url), { logger: false, db: 0 }),
    createClient(url, { logger: false, url: "redis://nowhere.invalid" }),
  ]) {
    assert.equal(await client.ping(), "PONG");
    await client.close();
  }
  const alone = createClient(url).with({ logger: false });
  assert.equal(await alone.ping(), "PONG");
  await alone.close();
  const client = createClient("not a url", { logger: false });
  assert.equal((await client.init()).reason, "bad-url");
  await client.close();
  for (const more of [5, null, "x"])
    assert.equal((await createClient(url, more).with({ logger: false }).init()).reason, "bad-option");
});

test("what was added to all objects leads no dial elsewhere, and adds no option", async () => {
  const polluted = {
    path: "/tmp/no-such.sock",
    host: "nowhere.invalid",
    port: 1,
    url: "redis://nowhere.invalid",
    via: {},
    id: "polluted",
    username: "polluted",
    password: "polluted",
    credentials: () => ({ password: "polluted" }),
    tls: true,
    db: 9,
    ca: "polluted",
    servername: "nowhere.invalid",
    rejectUnauthorized: true,
    family: 6,
    drain: "nonsense",
    timeout: "nonsense",
    lookup: () => assert.fail("lookup"),
    localAddress: "192.0.2.1",
    EX: 1,
  };
  Object.assign(Object.prototype, polluted);
  try {
    const clients = [
      createClient({ url: `redis://:pw@localhost:${server.port}`, logger: false }),
      createClient({ url: `redis://localhost:${server.port}`, credentials: () => ({ password: "pw" }), logger: false }),
      createClient({ url: `rediss://localhost:${secure.port}`, tls: { ca: secure.tls.ca }, logger: false }),
    ];
    for (const client of clients) {
      const status = await client.init();
      assert.equal(status.state, "ready", status.message);
      assert.equal(await client.set("k", "v", { NX: false }), "OK");
      assert.equal(await client.ttl("k"), -1);
      assert.match(await client.clientInfo(), / db=0 /);
      await client.ready({});
      await client.with({ offline: "wait" }).close();
      await client.close({});
    }
    const nowhere = createClient({ logger: false });
    assert.equal((await nowhere.init()).reason, "unconfigured");
  } finally {
    for (const name of Object.keys(polluted)) delete Object.prototype[name];
  }
});
