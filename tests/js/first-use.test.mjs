// What a first user of the package stumbled over.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";
import { collector } from "./runtimes.mjs";

let redis;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

for (const [what, secret] of [
  ["a Buffer as password", { password: Buffer.from("x") }],
  ["a number as user", { username: 5, password: "x" }],
  ["no password", { username: "x" }],
  ["nothing", undefined],
]) {
  test(`credentials that are ${what} disable their own client and disturb no other`, async () => {
    const healthy = createClient({ url: redis.url, logger: false });
    await healthy.init();
    const bad = createClient({ url: redis.url, id: what, logger: false, credentials: () => secret });
    const [status, pong] = await Promise.all([bad.init(), healthy.ping()]);
    assert.equal(status.state, "disabled");
    assert.equal(status.reason, "credentials");
    assert.equal(pong, "PONG");
    assert.equal(healthy.stats().dials, 1);
    await Promise.all([bad.close(), healthy.close()]);
  });
}

test("a listener hears of the handle's closing", async () => {
  const client = createClient({ url: redis.url, logger: false });
  const states = [];
  client.on("state", ({ state }) => states.push(state));
  await client.ping();
  await client.close();
  assert.deepEqual(states, ["connecting", "ready", "closed"]);
});

test("an error for a reply over a limit names the limit", async () => {
  const client = createClient({ url: redis.url, logger: false, share: false, limits: { bulk: 100 } });
  await client.set("long", "x".repeat(200));
  const error = await client.get("long").then(assert.fail, (reason) => reason);
  assert.equal(error.name, "ProtocolError");
  assert.match(error.message, /limits\.bulk/);
  await client.close();
});

test("options that throw when they are read do not make createClient throw", async () => {
  const options = {
    url: redis.url,
    get logger() {
      throw new Error("x");
    },
  };
  const client = createClient(options);
  const status = await client.with({ logger: false }).init();
  assert.equal(status.reason, "bad-option");
});

test("options of a wrong kind are named", () => {
  for (const options of [{ timeouts: 5 }, { logger: 5 }, { tls: "yes" }, { retry: 1 }]) {
    const client = createClient({ url: redis.url, ...options }).with({ logger: false });
    const status = client.status();
    assert.equal(status.reason, "bad-option");
    assert.match(status.message, new RegExp(Object.keys(options)[0]));
  }
});

test("a client that is only awaited is not collected meanwhile", async (t) => {
  const gc = collector();
  const silent = createServer(() => {});
  await new Promise((resolve) => silent.listen(0, "127.0.0.1", resolve));
  t.after(() => silent.close());
  const url = `redis://127.0.0.1:${silent.address().port}`;
  const timer = setInterval(gc, 20);
  const status = await createClient({ url, logger: false, timeouts: { connect: 500 } }).init();
  clearInterval(timer);
  assert.equal(status.reason, "timeout");
});
