// A server that is there and refuses: other passwords, no memory, a full disk, no replicas, a replica in its place, a
// dataset that is still loading. Each is told as what it is, concerns no more than it must, and passes without a restart.
import assert from "node:assert/strict";
import { mkdirSync, rmdirSync } from "node:fs";
import { connect } from "node:net";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startRedis } from "edgis/testing";
import { observe } from "../js/observer.mjs";
import { listen } from "../js/peers.mjs";
import { caught, isFull, scene, until } from "./scene.mjs";

const kill = (observer) => observer.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");

/** The link has not been lost, and nobody else's command was hurt. */
async function isUnharmed(client, connects = 1) {
  assert.equal(await client.ping(), "PONG");
  const { state } = client.status();
  assert.deepEqual([state, client.stats().connects, client.stats().timeouts], ["ready", connects, 0]);
}

test("a password that is changed while connected: a credentials function gives the new one, without a restart", async (t) => {
  const { client: make, observer: look } = await scene(t, ["--requirepass", "first"]);
  const observer = await look("first");
  let password = "first";
  const client = make({ credentials: async () => ({ password }) });
  assert.equal(await client.set("k", "v"), "OK");
  await observer.ask("CONFIG", "SET", "requirepass", "second");
  await isUnharmed(client);
  password = "second";
  await kill(observer);
  await until(() => client.get("k").catch(() => false));
  await isUnharmed(client, 2);
});

test("a password that is changed while connected and not known: auth, tried again every 30 s", async (t) => {
  const { client: make, observer: look } = await scene(t, ["--requirepass", "first"]);
  const observer = await look("first");
  const client = make({ password: "first" });
  assert.equal(await client.set("k", "v"), "OK");
  await observer.ask("CONFIG", "SET", "requirepass", "second");
  await kill(observer);
  await until(() => client.status().state === "disabled");
  const { reason, retryable, retryAt, message, hint } = client.status();
  assert.deepEqual([reason, retryable], ["auth", true]);
  assert.ok(Math.abs(retryAt - Date.now() - 30_000) < 5_000, `tried again in ${retryAt - Date.now()} ms`);
  assert.match(message, /WRONGPASS/);
  assert.match(hint, /password/);
  const error = await caught(client.get("k"));
  assert.deepEqual(
    [error.kind, error.reason, error.sent, error.cause.kind],
    ["DisabledError", "auth", "no", "AuthError"],
  );
  const dials = client.stats().dials;
  for (let i = 0; i < 50; i += 1) await caught(client.get("k"));
  assert.equal(client.stats().dials, dials, "a wrong password is not tried at every command");
  if (isFull) {
    await observer.ask("CONFIG", "SET", "requirepass", "first");
    await until(() => client.get("k").catch(() => false), 35_000);
  }
});

test("a user of an ACL: what is forbidden concerns its command alone; who is deleted is told, and comes back", async (t) => {
  const { client: make, observer: look } = await scene(t);
  const observer = await look();
  const allow = () => observer.ask("ACL", "SETUSER", "app", "on", ">secret", "~*", "+@all", "-flushall");
  await allow();
  let password = "secret";
  const client = make({ credentials: () => ({ username: "app", password }), retry: { base: 1, cap: 5 } });
  const [forbidden, set] = await Promise.all([caught(client.call("FLUSHALL")), client.set("k", "v")]);
  assert.deepEqual([forbidden.kind, forbidden.code, forbidden.sent, set], ["ReplyError", "NOPERM", "yes", "OK"]);
  await observer.ask("ACL", "SETUSER", "app", "-set");
  assert.equal((await caught(client.set("k", "w"))).code, "NOPERM");
  assert.equal(await client.get("k"), "v");
  await isUnharmed(client);
  // Redis closes the connections of a user that is deleted.
  await observer.ask("ACL", "DELUSER", "app");
  await until(() => client.status().state === "disabled");
  assert.equal(client.status().reason, "auth");
  // A link of its own, since the other is not tried again for 30 s.
  await allow();
  const again = make({ credentials: () => ({ username: "app", password }), share: false });
  assert.equal(await again.get("k"), "v");
  // One whose password is changed keeps its connection, and the next dial asks for the new one.
  await observer.ask("ACL", "SETUSER", "app", "resetpass", ">rotated");
  await isUnharmed(again);
  password = "rotated";
  await kill(observer);
  await until(() => again.get("k").catch(() => false));
});

test("OOM: writes are refused with the server's words, reads go on, and it passes", async (t) => {
  const { client: make, observer: look } = await scene(t);
  const observer = await look();
  const client = make();
  await client.set("k", "v");
  await observer.ask("CONFIG", "SET", "maxmemory", "1mb", "maxmemory-policy", "noeviction");
  const error = await caught(client.set("k", "w"));
  assert.deepEqual([error.kind, error.code, error.sent, error.command], ["ReplyError", "OOM", "yes", "SET"]);
  assert.equal(await client.get("k"), "v");
  await observer.ask("CONFIG", "SET", "maxmemory", "0");
  assert.equal(await client.set("k", "w"), "OK");
  await isUnharmed(client);
});

test("NOREPLICAS: as OOM", async (t) => {
  const { client: make, observer: look } = await scene(t);
  const observer = await look();
  const client = make();
  await client.set("k", "v");
  await observer.ask("CONFIG", "SET", "min-replicas-to-write", "1");
  const error = await caught(client.set("k", "w"));
  assert.deepEqual([error.kind, error.code, error.sent], ["ReplyError", "NOREPLICAS", "yes"]);
  assert.equal(await client.get("k"), "v");
  await observer.ask("CONFIG", "SET", "min-replicas-to-write", "0");
  assert.equal(await client.set("k", "w"), "OK");
  await isUnharmed(client);
});

test("a disk that takes no snapshot: MISCONF, as OOM", async (t) => {
  const { client: make, observer: look } = await scene(t);
  const observer = await look();
  const client = make();
  await client.set("k", "v");
  await observer.ask("CONFIG", "SET", "save", "3600 1");
  const [, dir] = await observer.ask("CONFIG", "GET", "dir");
  // The snapshot cannot take its place.
  mkdirSync(`${dir}/dump.rdb`);
  await observer.ask("BGSAVE");
  await until(async () => (await observer.info("persistence", "rdb_last_bgsave_status")) === "err");
  const error = await caught(client.set("k", "w"));
  assert.deepEqual([error.kind, error.code, error.sent], ["ReplyError", "MISCONF", "yes"]);
  assert.equal(await client.get("k"), "v");
  // Such a server refuses even PING, and it serves all the same: also those who come now.
  assert.equal((await caught(client.ping())).code, "MISCONF");
  const late = make({ share: false });
  assert.equal((await late.init()).state, "ready");
  assert.equal(await late.get("k"), "v");
  assert.deepEqual([client.stats().connects, client.status().state], [1, "ready"]);
  rmdirSync(`${dir}/dump.rdb`);
  await observer.ask("BGSAVE");
  await until(() => client.set("k", "w").catch(() => false));
});

test("READONLY, a server that has become a replica: told, looked into, and over when it is over", async (t) => {
  const { client: make, observer: look } = await scene(t);
  const other = await startRedis();
  t.after(() => other.stop());
  const observer = await look();
  const client = make();
  await client.set("k", "v");
  await observer.ask("CONFIG", "SET", "replica-read-only", "yes", "replica-serve-stale-data", "yes");
  await observer.ask("REPLICAOF", other.host, other.port);
  const error = await caught(client.set("k", "w"));
  assert.deepEqual([error.kind, error.code, error.sent], ["ReplyError", "READONLY", "yes"]);
  await observer.ask("REPLICAOF", "NO", "ONE");
  await until(() => client.set("k", "w").catch(() => false));
  assert.equal(await client.get("k"), "w");
  await observer.othersBecome(1);
});

test("MASTERDOWN, a replica that has lost its primary: told, and over when it is over", async (t) => {
  const { client: make, observer: look } = await scene(t);
  const observer = await look();
  const client = make({ retry: { base: 1, cap: 20 } });
  await client.set("k", "v");
  await observer.ask("CONFIG", "SET", "replica-serve-stale-data", "no");
  // Nobody is there.
  await observer.ask("REPLICAOF", "127.0.0.1", 1);
  const error = await caught(client.get("k"));
  assert.equal(error.code ?? error.reason, "MASTERDOWN");
  await until(() => client.status().state === "disabled");
  assert.equal(client.status().reason, "loading");
  await observer.ask("REPLICAOF", "NO", "ONE");
  await until(() => client.get("k").catch(() => false));
  await observer.othersBecome(1);
});

test("LOADING: disabled with that reason, and ready once the dataset is there", async (t) => {
  const { server, client: make } = await scene(t);
  const client = make({ retry: { base: 5, cap: 20 } });
  await client.mset(Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`key ${i}`, `${i}`])));
  const observer = await observe(server);
  const [, dir] = await observer.ask("CONFIG", "GET", "dir");
  await observer.ask("CONFIG", "SET", "save", "3600 1");
  await observer.ask("SAVE");
  observer.close();
  // A millisecond for each key.
  const slowly = ["--dir", dir, "--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"];
  const back = server.restart({ args: slowly });
  await until(() => client.status().state !== "ready");
  let loading = 0;
  await until(async () => {
    const outcome = await caught(client.get("key 1999"));
    if (outcome.reason === "loading") loading += 1;
    else if (outcome !== "1999") assert.ok(["refused", "closed", "reset"].includes(outcome.reason), String(outcome));
    return outcome === "1999";
  });
  await back;
  assert.ok(loading > 0, "it has been loading for two seconds");
});

/** A primary, its replica, and one address for both, as a load balancer has it. */
async function pair(t) {
  // They do not wait for others: to come, or to catch up at the end.
  const hasty = ["--repl-diskless-sync-delay", "0", "--shutdown-timeout", "0"];
  const { server: primary, client, observer } = await scene(t, hasty);
  const replica = await startRedis({ args: ["--replicaof", `${primary.host} ${primary.port}`, ...hasty] });
  t.after(() => replica.stop());
  let active = primary;
  const address = await listen((socket) => {
    const on = connect({ host: active.host, port: active.port });
    on.on("error", () => socket.destroy());
    socket.on("close", () => on.destroy());
    on.on("close", () => socket.destroy());
    socket.pipe(on).pipe(socket);
  });
  t.after(() => address.close());
  const second = await observe(replica);
  t.after(() => second.close());
  await until(async () => (await second.info("replication", "master_link_status")) === "up");
  const switched = () => {
    active = replica;
  };
  return { primary, replica, client, url: address.url, look: observer, second, switched };
}

/** Writes until one is answered; the kinds of what was refused meanwhile. */
async function writesUntilAnswered(client) {
  const refused = new Set();
  await until(async () => {
    const outcome = await caught(client.incr("n"));
    if (outcome instanceof Error) refused.add(outcome.code);
    return typeof outcome === "number";
  });
  return [...refused];
}

test("a planned failover behind one address: the old primary says READONLY, and the new one is found", async (t) => {
  const { primary, client: make, url, look, second, switched } = await pair(t);
  const client = make({ url });
  assert.equal(await client.incr("n"), 1);
  const first = await look();
  await until(async () => (await second.ask("GET", "n")) === "1");
  await second.ask("REPLICAOF", "NO", "ONE");
  switched();
  await first.ask("REPLICAOF", "127.0.0.1", Number(new URL(url).port));
  const start = performance.now();
  const refused = await writesUntilAnswered(client);
  const took = performance.now() - start;
  assert.deepEqual(refused, ["READONLY"]);
  assert.ok(took < 2_000, `${took} ms`);
  assert.equal(await second.ask("GET", "n"), "2");
  assert.equal(await client.get("n"), "2");
  assert.ok(primary.running);
});

test("a failover after a crash behind one address: reads and writes go on with the new primary", async (t) => {
  const { primary, client: make, url, second, switched } = await pair(t);
  const client = make({ url, offline: "wait", timeouts: { connect: "10s" }, retry: { base: 5, cap: 50 } });
  assert.equal(await client.incr("n"), 1);
  await until(async () => (await second.ask("GET", "n")) === "1");
  await primary.kill();
  const waiting = [client.get("n"), client.get("n")];
  await sleep(200);
  await second.ask("REPLICAOF", "NO", "ONE");
  switched();
  assert.deepEqual(await Promise.all(waiting), ["1", "1"]);
  assert.equal(await client.incr("n"), 2);
});
