// What really happens to a server and its connections: it crashes, freezes, restarts, sleeps, pauses clients, throws them
// out, has no room. Nobody restarts the app, every promise settles, and each reply is its caller's.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { observe } from "../js/observer.mjs";
import { caught, scene, until } from "./scene.mjs";

/** Keeps asking in the background: increments that must add up, and echoes that must come back to whom they belong. */
function load(client, workers = 10) {
  const ledger = { done: 0, maybe: 0, never: 0, echoed: 0, kinds: {}, wrong: [] };
  let isOver = false;
  async function work(id) {
    for (let i = 0; !isOver; i += 1) {
      const [count, echo] = await Promise.all([caught(client.incr("load")), caught(client.echo(`${id} ${i}`))]);
      for (const outcome of [count, echo]) {
        if (outcome instanceof Error) ledger.kinds[outcome.kind] = (ledger.kinds[outcome.kind] ?? 0) + 1;
      }
      if (typeof count === "number") ledger.done += 1;
      else ledger[count.sent === "no" ? "never" : "maybe"] += 1;
      if (typeof echo === "string") {
        ledger.echoed += 1;
        if (echo !== `${id} ${i}`) ledger.wrong.push(`${echo} for ${id} ${i}`);
      }
      await sleep(1);
    }
  }
  const all = Array.from({ length: workers }, (_, id) => work(id));
  return async () => {
    isOver = true;
    await Promise.all(all);
    return ledger;
  };
}

function addsUp(ledger, counted) {
  const { done, maybe, wrong } = ledger;
  assert.deepEqual(wrong, []);
  assert.ok(counted >= done && counted <= done + maybe, `${done} done, ${maybe} maybe, ${counted} counted`);
}

/** In good order: everybody's commands are executed, or not read. */
async function shutDown(server) {
  const observer = await observe(server);
  observer.ask("SHUTDOWN");
  await until(() => !server.running);
  observer.close();
}

const patient = { offline: "wait", timeouts: { connect: "20s", command: "20s" } };

test("crashes and restarts under load: reads are answered, increments add up, one connection at the end", async (t) => {
  // What is acknowledged is in the file by then: it survives kill -9.
  const { server, client: make } = await scene(t, ["--appendonly", "yes"]);
  const client = make({ ...patient, retry: { base: 1, cap: 20 } });
  const stop = load(client);
  let before = 0;
  for (let round = 0; round < 6; round += 1) {
    await sleep(100);
    if (round % 2 === 0) await server.kill();
    else await shutDown(server);
    await sleep(round * 20);
    await server.restart();
    before = client.stats().connects;
    await until(() => client.stats().connects >= before && client.isReady);
  }
  const ledger = await stop();
  assert.deepEqual(ledger.wrong, []);
  const kinds = Object.keys(ledger.kinds).filter((kind) => kind !== "ConnectionLostError");
  assert.deepEqual(kinds, [], "who waits loses only what was in flight");
  assert.ok(ledger.echoed > 100 && ledger.done > 100);
  const observer = await observe(server);
  addsUp(ledger, Number(await observer.ask("GET", "load")));
  await observer.othersBecome(1);
  observer.close();
  t.diagnostic(`${client.stats().connects} connections, ${JSON.stringify(ledger)}`);
});

test("a restart costs whoever waits nothing but time", async (t) => {
  const { server, client: make } = await scene(t);
  const client = make(patient);
  await client.set("k", "v");
  await server.kill();
  await until(() => client.status().state !== "ready");
  const commands = [client.set("k", "w"), client.get("k"), client.incr("n")];
  await server.restart();
  assert.deepEqual(await Promise.all(commands), ["OK", "w", 1]);
});

test("a connection that is cut while the server is there is not noticed, but for what was in flight", async (t) => {
  const { proxy, client: make } = await scene(t);
  const client = make({ url: proxy.url });
  const states = [];
  client.on("state", ({ state }) => states.push(state));
  await client.set("k", "v");
  for (let round = 1; round <= 3; round += 1) {
    // More often than that within a second each, and it would be taken for a server that dies of every connection.
    await proxy.reset();
    await until(() => client.stats().dials === round + 1);
    assert.deepEqual(await Promise.all([client.set("k", "w"), client.get("k"), client.incr("n")]), ["OK", "w", round]);
  }
  assert.ok(!states.includes("disabled"), String(states));
});

test("a server that freezes for less than the deadline is not noticed", async (t) => {
  const { server, client: make, observer: look } = await scene(t);
  const client = make({ timeouts: { command: "2s" } });
  await client.ping();
  const stop = load(client);
  for (let round = 0; round < 3; round += 1) {
    await sleep(50);
    server.pause();
    await sleep(400);
    server.resume();
  }
  const ledger = await stop();
  const observer = await look();
  addsUp(ledger, Number(await observer.ask("GET", "load")));
  assert.deepEqual([ledger.kinds, client.stats().connects, client.stats().timeouts], [{}, 1, 0]);
});

test("a server that freezes for longer: timeouts at their time, and it goes on with the same replies to the same callers", async (t) => {
  const { server, client: make, observer: look } = await scene(t);
  const client = make({ timeouts: { command: 150, connect: 300 } });
  await client.ping();
  const stop = load(client);
  for (let round = 0; round < 3; round += 1) {
    await sleep(50);
    server.pause();
    await sleep(1_000);
    assert.equal(client.status().state, "disabled", "neither the link nor another dial is answered");
    server.resume();
    await until(() => client.isReady);
  }
  await sleep(100);
  const ledger = await stop();
  const observer = await look();
  addsUp(ledger, Number(await observer.ask("GET", "load")));
  assert.ok(ledger.kinds.TimeoutError > 0 && ledger.done > 0);
  await observer.othersBecome(1);
});

test("CLIENT KILL, again and again: reads are answered, increments add up", async (t) => {
  const { client: make, observer: look } = await scene(t);
  const observer = await look();
  const client = make({ ...patient, retry: { base: 1, cap: 20 } });
  await client.ping();
  const stop = load(client, 20);
  for (let round = 0; round < 30; round += 1) {
    await sleep(10);
    await observer.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  }
  const ledger = await stop();
  addsUp(ledger, Number(await observer.ask("GET", "load")));
  assert.ok(
    Object.keys(ledger.kinds).every((kind) => kind === "ConnectionLostError"),
    JSON.stringify(ledger.kinds),
  );
  // Where everything is slow, links that live for so short a time disabled the target: then it dials when somebody asks.
  await client.ping();
  await observer.othersBecome(1);
});

test("CLIENT PAUSE WRITE: writes wait, reads do not, and the link is not doubted", async (t) => {
  const { client: make, observer: look } = await scene(t);
  const observer = await look();
  const client = make({ timeouts: { command: "5s" } });
  await client.set("k", "v");
  await observer.ask("CLIENT", "PAUSE", 1_500, "WRITE");
  const start = performance.now();
  const reads = make({ timeouts: { command: "5s" }, share: false });
  assert.equal(await reads.get("k"), "v");
  assert.ok(performance.now() - start < 1_400, "reads are answered meanwhile");
  assert.equal(await client.set("k", "w"), "OK");
  assert.ok(performance.now() - start > 300);
  assert.deepEqual([client.stats().connects, client.stats().timeouts], [1, 0]);
});

test("CLIENT PAUSE ALL for longer than the deadline: TimeoutError, and all is well without a restart", async (t) => {
  const { client: make, observer: look } = await scene(t);
  const observer = await look();
  const client = make({ timeouts: { command: 150, connect: 200 } });
  await client.ping();
  await observer.ask("CLIENT", "PAUSE", 2_000, "ALL");
  const start = performance.now();
  const error = await caught(client.set("k", "v"));
  assert.deepEqual([error.kind, error.phase, error.sent], ["TimeoutError", "reply", "maybe"]);
  assert.ok(performance.now() - start < 1_900, "it did not wait for the end of the pause");
  await until(() => client.set("k", "w").catch(() => false));
  assert.equal(await client.get("k"), "w");
  await observer.othersBecome(1);
});

test("DEBUG SLEEP: whoever has the time waits, whoever has not is told", async (t) => {
  const { client: make, observer: look } = await scene(t, ["--enable-debug-command", "yes"]);
  const observer = await look();
  const client = make({ timeouts: { command: "5s" } });
  const hasty = client.with({ timeout: 100 });
  await client.ping();
  const asleep = observer.ask("DEBUG", "SLEEP", "1.5");
  const waiting = client.incr("n");
  const start = performance.now();
  const error = await caught(hasty.incr("n"));
  assert.equal(error.kind, "TimeoutError");
  assert.ok(performance.now() - start < 1_400);
  assert.equal(await waiting, 1);
  await asleep;
  assert.ok([2, 3].includes(await client.incr("n")));
});

test("maxclients 1: the reason says so, whoever has the connection keeps it, and it recovers by itself", async (t) => {
  const { client: make } = await scene(t, ["--maxclients", "1"]);
  const first = make();
  // Whoever waited for the server to start has left by then, or leaves soon.
  await until(() => first.ping().catch(() => false));
  const second = make({ share: false });
  const status = await second.init();
  assert.deepEqual([status.state, status.reason, status.retryable], ["disabled", "maxclients", true]);
  assert.match(status.hint, /maxclients/);
  const error = await caught(second.set("k", "v"));
  assert.deepEqual([error.kind, error.reason], ["DisabledError", "maxclients"]);
  assert.equal(await first.set("k", "v"), "OK");
  assert.equal(first.stats().connects, 1);
  await first.close();
  await until(() => second.ping().catch(() => false));
  assert.equal(await second.get("k"), "v");
});
