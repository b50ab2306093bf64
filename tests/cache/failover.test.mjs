// What is acknowledged holds, whichever server answers next: failovers, failbacks, late writers, links that are replaced.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { createClient } from "edgis";
import { absent, createCache } from "edgis/cache";
import { faultProxy } from "edgis/testing";
import { source } from "../js/source.mjs";
import { sleep, until } from "./scene.mjs";
import { binaries, follow, junction, startAsked, startPair } from "./servers.mjs";

/** A process of an app: an address of its own, behind which the server can be another. */
async function startProcess(t, port, options = {}) {
  const address = await junction(port);
  const proxy = await faultProxy(address.url);
  const client = createClient({ url: proxy.url, logger: false, share: false, retry: { base: 5, cap: 50 } });
  const cache = createCache({ client, namespace: "app", ttl: "5m", ...options });
  t.after(async () => {
    await proxy.heal();
    await client.close();
    await proxy.close();
    address.close();
  });
  return {
    client,
    cache,
    proxy,
    /** Its next connection leads there. */
    turn: (port) => address.turn(port),
    move(port) {
      address.turn(port);
      address.cut();
    },
  };
}

for (const [version, binary] of binaries) {
  const on = (title) => `${title} (${version})`;

  for (const op of ["deleteByTag", "clear"]) {
    test(on(`a journaled ${op} is not overtaken, though the server has forgotten all scripts`), async (t) => {
      const asked = await startAsked({ binary });
      t.after(() => asked.stop());
      const { cache, proxy } = await startProcess(t, asked.port);
      let origin = 0;
      const read = () => cache.getOrSet("k", () => origin, { tags: ["t"] });
      const invalidate = () => (op === "clear" ? cache.clear() : cache.deleteByTag("t"));
      for (let round = 0; round < 3; round += 1) {
        origin += 1;
        await until(async () => (await invalidate()).outcome === "applied");
        await until(async () => (await read()) === origin && (await cache.get("k")) === origin);
        await proxy.down();
        await until(async () => (await cache.get("k")) === undefined);
        origin += 1;
        assert.notEqual((await invalidate()).outcome, "applied");
        await asked.ask("SCRIPT", "FLUSH");
        await proxy.heal();
        await until(async () => {
          assert.equal(await read(), origin);
          return cache.stats().journal === 0 && (await cache.get("k")) === origin;
        });
      }
    });
  }

  test(on("an invalidation that the old server acknowledges, after another has taken its place"), async (t) => {
    const { primary, replica } = await startPair(t, binary);
    const writer = await startProcess(t, primary.port);
    const reader = await startProcess(t, primary.port);
    let origin = "v1";
    const read = ({ cache }) => cache.getOrSet("k", () => origin, { tags: ["t"] });
    await read(writer);
    await until(async () => (await reader.cache.get("k")) === "v1");
    await replica.ask("REPLICAOF", "NO", "ONE");
    reader.move(replica.port);
    await until(async () => (await read(reader)) && (await reader.cache.get("k")) === "v1");
    // The link falls silent; the address leads to the other server by now.
    primary.server.pause();
    writer.turn(replica.port);
    origin = "v2";
    const deleting = [writer.cache.delete("k"), writer.cache.deleteByTag("t")];
    // Its deadline makes the link doubted, and another take over.
    await writer.client
      .with({ timeout: "100ms" })
      .get("x")
      .catch(() => {});
    await until(() => writer.proxy.connections > 1);
    await sleep(100);
    primary.server.resume();
    for (const { outcome } of await Promise.all(deleting))
      if (outcome === "applied") assert.equal(await read(reader), "v2");
    await until(() => writer.cache.stats().journal === 0);
    assert.deepEqual([await read(writer), await read(reader)], ["v2", "v2"]);
  });

  for (const moves of ["and reads there", "and stays idle"]) {
    test(on(`a process that invalidates on a deposed primary, then moves ${moves}`), async (t) => {
      const { primary, replica } = await startPair(t, binary);
      const writer = await startProcess(t, primary.port);
      const reader = await startProcess(t, primary.port);
      let origin = "v1";
      const keys = ["k", "tagged", "absent"];
      const load = (key) => () => (key === "absent" && origin === "v1" ? absent : origin);
      const options = { tagged: { tags: ["t"] }, absent: { tags: () => ["t"] } };
      const read = ({ cache }) => Promise.all(keys.map((key) => cache.getOrSet(key, load(key), options[key])));
      await read(writer);
      await read(reader);
      await replica.ask("REPLICAOF", "NO", "ONE");
      reader.move(replica.port);
      await until(async () => (await reader.cache.get("k")) === "v1" || !(await read(reader)));
      await sleep(20);
      origin = "v2";
      assert.equal((await writer.cache.delete("k")).outcome, "applied");
      assert.equal((await writer.cache.deleteByTag("t")).outcome, "applied");
      assert.equal(await reader.cache.get("k"), "v1", "the two servers differ");
      writer.move(replica.port);
      if (moves === "and reads there") assert.deepEqual(await read(writer), ["v2", "v2", "v2"]);
      await until(async () => (await read(reader)).every((value) => value === "v2"));
    });
  }

  test(on("more invalidations than are listed, on a deposed primary: all is given up on the other one"), async (t) => {
    const { primary, replica } = await startPair(t, binary);
    const writer = await startProcess(t, primary.port, { timeout: "5s" });
    const reader = await startProcess(t, primary.port);
    await writer.cache.delete("k0");
    await replica.ask("REPLICAOF", "NO", "ONE");
    reader.move(replica.port);
    await until(async () => (await reader.cache.set("k0", "old")).outcome === "applied");
    await until(async () => (await reader.cache.get("k0")) === "old");
    for (let i = 0; i < 10_500; i += 500) {
      const keys = Array.from({ length: 500 }, (_, j) => [`k${i + j}`]);
      assert.equal(
        (await writer.cache.delete([["k0"], ...keys].map(([key]) => [key]).concat(i === 0 ? ["k0"] : []))).outcome,
        "applied",
      );
    }
    writer.move(replica.port);
    await until(async () => (await reader.cache.get("k0")) === undefined);
  });

  test(on("a primary that was a replica for a while, and lost what it had acknowledged"), async (t) => {
    const { primary, replica, between } = await startPair(t, binary);
    const writer = await startProcess(t, primary.port);
    const reader = await startProcess(t, primary.port);
    const idle = await startProcess(t, primary.port);
    await writer.cache.setMany([
      ["k", "old"],
      ["other", "old"],
    ]);
    await until(async () => (await replica.ask("EXISTS", "ec:{app|other}")) === 1);
    for (const { cache } of [reader, idle]) assert.equal(await cache.get("k"), "old");
    // The replica hears nothing more, and takes over; then what was the primary follows it.
    await between.hang();
    assert.equal((await writer.cache.delete("k")).outcome, "applied");
    await between.down();
    await replica.ask("REPLICAOF", "NO", "ONE");
    const served = await replica.ask("EXISTS", "ec:{app|k}");
    await follow(primary, replica.port);
    const kill = () => primary.ask("CLIENT", "KILL", "TYPE", "normal").catch(() => {});
    await kill();
    // A replica is believed by nobody.
    const newcomer = await startProcess(t, primary.port);
    for (const { cache } of [writer, reader, newcomer]) {
      await until(async () => {
        assert.equal(await cache.get("other"), undefined);
        return cache.stats().fallbacks.fence > 0;
      });
    }
    await primary.ask("REPLICAOF", "NO", "ONE");
    await kill();
    // It had the deleted entry back: the case is none otherwise.
    assert.equal(served, 1);
    const late = await startProcess(t, primary.port);
    for (const { cache } of [writer, reader, idle, late]) {
      await until(async () => {
        assert.equal(await cache.get("k"), undefined);
        return cache.stats().fallbacks.fence === 0 || (await cache.getOrSet("new", () => 1)) === 1;
      });
    }
  });

  test(on("a primary whose links live on while it becomes a replica and a primary again"), async (t) => {
    const { primary, replica } = await startPair(t, binary);
    const reader = await startProcess(t, primary.port);
    await reader.cache.set("k", "old");
    await until(async () => (await replica.ask("EXISTS", "ec:{app|k}")) === 1);
    await replica.ask("REPLICAOF", "NO", "ONE");
    assert.equal((await reader.cache.delete("k")).outcome, "applied");
    await follow(primary, replica.port);
    await primary.ask("REPLICAOF", "NO", "ONE");
    assert.equal(await primary.ask("EXISTS", "ec:{app|k}"), 1);
    // It asks once a second who is there.
    await until(async () => (await reader.cache.get("k")) === undefined, 5_000);
    await reader.cache.set("k", "new");
    assert.equal(await reader.cache.get("k"), "new");
  });
}

test("data are known by their id, their offset, and by who has been believed since", async () => {
  const { Servers } = await source("cache/servers.ts");
  const servers = new Servers();
  const a = { id: "a", offset: 100 };
  assert.equal(servers.judge(a, 0), "first");
  servers.believe(a, 0, 1);
  assert.equal(servers.judge({ id: "a", offset: 100 }, 2), "same");
  assert.equal(servers.judge({ id: "a", offset: 99 }, 2), "older");
  // Two questions that were under way at once have no order.
  assert.equal(servers.judge({ id: "a", offset: 99 }, 0.5), "same");
  assert.equal(servers.judge({ id: "a", offset: undefined }, 2), "same");
  assert.equal(servers.judge({ id: "b", offset: 1 }, 2), "other");
  servers.believe({ id: "b", offset: 1 }, 2, 3);
  assert.equal(servers.judge(a, 4), "back");
  servers.believe({ id: "a", offset: 100 }, 4, 5);
  assert.equal(servers.judge(a, 6), "same");
  assert.equal(servers.judge({ id: "b", offset: 2 }, 6), "back");
});

test("what was invalidated of late is kept until the server has proved to be the one", async () => {
  const [{ Recent }, { Names }] = await Promise.all([source("cache/recent.ts"), source("cache/keys.ts")]);
  const recent = new Recent(new Names("app"));
  const key = (name) => ({ kind: "key", name });
  assert.ok(recent.isEmpty);
  recent.add(key("a"), 0);
  recent.add(key("b"), 10_000);
  recent.add(key("a"), 20_000);
  recent.confirm(70_000);
  assert.deepEqual(recent.operations, [key("a")]);
  // However long nobody asks.
  assert.deepEqual(recent.operations, [key("a")]);
  for (let i = 0; i < 10_001; i += 1) recent.add(key(`k${i}`), 30_000 + i);
  assert.deepEqual(recent.operations, [{ kind: "clear", name: "" }]);
  recent.confirm(90_001);
  assert.equal(recent.operations.length, 9_999);
  recent.confirm(200_000);
  assert.ok(recent.isEmpty);
});

test("a process that is frozen before it reads that its invalidation was acknowledged, on a deposed primary", async (t) => {
  const { primary, replica } = await startPair(t);
  const reader = await startProcess(t, primary.port);
  const address = await junction(primary.port);
  t.after(() => address.close());
  const { NODE_TEST_CONTEXT, ...env } = process.env;
  const program = fileURLToPath(new URL("frozen.program.mjs", import.meta.url));
  const child = fork(program, {
    env: { ...env, URL_OF_TEST: address.url },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  t.after(() => child.kill("SIGKILL"));
  const told = [];
  child.on("message", (message) => told.push(message));
  await until(() => told.includes("ready"));
  let origin = "v1";
  const read = () => reader.cache.getOrSet("k", () => origin);
  await read();
  await replica.ask("REPLICAOF", "NO", "ONE");
  reader.move(replica.port);
  await until(async () => (await read()) && (await reader.cache.get("k")) === "v1");
  origin = "v2";
  child.send("invalidate");
  await until(() => told.includes("written"));
  await until(async () => (await primary.ask("EXISTS", "ec:{app|k}")) === 0);
  assert.equal(await read(), "v1");
  address.turn(replica.port);
  await sleep(100);
  address.cut();
  child.kill("SIGCONT");
  // Whether it was told "applied" or not, and though it reads nothing.
  await until(async () => (await read()) === "v2");
  await until(() => told.length === 3);
  assert.ok(["applied", "unknown"].includes(told[2]), told[2]);
});
