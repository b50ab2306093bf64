// What a cache relies on: which link it is that answers, and that the server tells of changes on it. The engine's side; the
// cache has tests of its own.
import assert from "node:assert/strict";
import test from "node:test";
import { startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";
import { observe } from "./observer.mjs";

const logger = false;

async function until(holds, what) {
  const limit = performance.now() + 10_000;
  while (!(await holds())) {
    assert.ok(performance.now() < limit, `not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Keeps what it is told. */
function watching(client) {
  const told = {
    changes: [],
    links: [],
    states: [],
    linked: ({ epoch, tracks }) => told.links.push([epoch, tracks]),
    invalidated: (keys) => told.changes.push(keys),
    moved: ({ state }) => told.states.push(state),
  };
  client.target.watchers.add(new WeakRef(told));
  return told;
}

const engine = () => globalThis[Symbol.for("edgis.engine.1")];
const track = (client, prefix) => engine().track(client.target, prefix);

async function scene(t, options = {}) {
  const server = await startRedis();
  t.after(() => server.stop());
  const other = await observe(server);
  t.after(() => other.socket.destroy());
  const client = createClient({ url: server.url, logger, share: false, ...options });
  t.after(() => client.close());
  return { server, other, client, told: watching(client) };
}

test("changes are told of each prefix that was asked for, on a link that was there before and on the next", async (t) => {
  const { server, other, client, told } = await scene(t);
  await client.init();
  track(client, "a:");
  track(client, "b:");
  track(client, "a:");
  await until(() => told.links.length === 3, "both are known");
  for (let round = 0; round < 2; round += 1) {
    told.changes.length = 0;
    await other.ask("MSET", "a:1", "1", "b:1", "1", "c:1", "1");
    await until(() => told.changes.flat().length === 2, "a change of each");
    assert.deepEqual(told.changes.flat().sort(), ["a:1", "b:1"]);
    await other.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await until(async () => client.isReady && told.links.length > 3, "another link");
  }
  await server.stop();
});

test("changes by others and by oneself are told, and those of other keys are not", async (t) => {
  const { other, client, told } = await scene(t);
  track(client, "ec:");
  assert.equal((await client.init()).state, "ready");
  assert.deepEqual(told.links, [[1, true]]);
  await other.ask("MSET", "ec:a", "1", "ec:é", "2", "other", "3");
  await other.ask("SET", "another", "3");
  await until(() => told.changes.flat().length === 2, "two keys");
  assert.deepEqual(told.changes.flat().sort(), ["ec:a", "ec:é"]);
  await client.set("ec:own", "1");
  await until(() => told.changes.flat().includes("ec:own"), "one's own");
  const many = Array.from({ length: 5_000 }, (_, i) => `ec:${i}:${"x".repeat(i % 200)}`);
  told.changes.length = 0;
  await other.ask("MSET", ...many.flatMap((key) => [key, "v"]));
  await until(() => told.changes.flat().length >= many.length, "thousands, over many chunks");
  assert.deepEqual(told.changes.flat().sort(), many.sort());
});

test("what has expired or was evicted by FLUSHALL is told too", async (t) => {
  const { other, client, told } = await scene(t);
  track(client, "ec:");
  await client.init();
  await other.ask("SET", "ec:short", "1", "PX", "1");
  await until(() => told.changes.length >= 1, "the SET");
  await until(async () => (await other.ask("GET", "ec:short")) === null, "it has expired");
  await until(() => told.changes.length >= 2, "that it has expired");
  told.changes.length = 0;
  await other.ask("FLUSHALL");
  await until(() => told.changes.length >= 1, "the FLUSHALL");
  assert.deepEqual(told.changes, [undefined]);
});

test("a link that is ready begins to tell, and each that follows it tells from the start", async (t) => {
  const { other, client, told } = await scene(t);
  await client.ping();
  assert.equal(client.target.epoch, 1);
  track(client, "ec:");
  track(client, "another:");
  await until(() => client.target.tracks, "tracking");
  for (let epoch = 2; epoch < 5; epoch += 1) {
    await other.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await until(() => client.target.epoch === epoch && client.target.tracks, "another link");
    told.changes.length = 0;
    await other.ask("SET", "ec:a", "1");
    await until(() => told.changes.length === 1, "a change");
  }
  assert.deepEqual(told.links.at(-1), [4, true]);
  assert.deepEqual([...new Set(told.states)].sort(), ["connecting", "ready"]);
});

test("a reply never comes from a link that is not counted yet, also what rode behind a handshake", async (t) => {
  // Links that die young are dialled again with some delay.
  const { other, client } = await scene(t, { offline: "wait" });
  const connection = async () => Number(await client.call("CLIENT", "ID"));
  const links = new Map();
  const ask = async () => {
    const before = client.target.epoch;
    const id = await connection().catch(() => undefined);
    const { epoch } = client.target;
    if (id === undefined) return;
    // Asked and answered in one epoch is asked and answered on one link; what was answered in a later one may not be.
    if (before === epoch && epoch > 0) assert.equal(links.get(epoch) ?? id, id, "two links in one epoch");
    links.set(epoch, id);
  };
  for (let round = 0; round < 10; round += 1) {
    await ask();
    const asked = Array.from({ length: 50 }, ask);
    await other.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await Promise.all([...asked, ...Array.from({ length: 50 }, ask)]);
  }
  assert.ok(links.size > 8, `${links.size} links`);
  assert.equal(new Set(links.values()).size, links.size, "each epoch has a link of its own");
});

test("nothing is told in RESP2, nor to a user who may not ask; both are served all the same", async (t) => {
  for (const protocol of [2, 3]) {
    const { client, other } = await scene(t, { protocol });
    await other.ask("ACL", "SETUSER", "default", "-client|tracking");
    track(client, "ec:");
    assert.equal(await client.set("ec:a", "1"), "OK");
    await other.ask("SET", "ec:a", "2");
    assert.equal(await client.get("ec:a"), "2");
    assert.deepEqual([client.target.tracks, client.target.epoch], [false, 1]);
  }
});

test("after the death of a core the next link tells again", async (t) => {
  const { client, other, told } = await scene(t);
  track(client, "ec:");
  await client.ping();
  engine().enter(client.target.scope, undefined, (core) => core.calls.trap());
  assert.deepEqual([client.target.tracks, told.states.at(-1)], [false, "idle"]);
  await client.ping();
  await until(() => client.target.tracks, "tracking");
  assert.equal(client.target.epoch, 2);
  told.changes.length = 0;
  await other.ask("SET", "ec:a", "1");
  await until(() => told.changes.length === 1, "a change");
});

test("a watcher that nobody holds is forgotten with what it knows", async (t) => {
  const { client } = await scene(t);
  client.target.watchers.add({ deref: () => undefined });
  await client.ping();
  assert.equal(client.target.watchers.size, 1);
});
