// Connections that nobody uses, on hosts that suspend functions: `idleTimeout`, by the timer and by the wall clock.
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "./connect.mjs";
import { answer, begin, wakeToDeadLink } from "./programs.mjs";
import { startWatched } from "./servers.mjs";

test("a connection that nobody uses is closed after idleTimeout, and the next command dials", async (t) => {
  const { server, observer } = await startWatched(t);
  const states = [];
  const client = createClient({ url: server.url, logger: false, idleTimeout: 200 });
  t.after(() => client.close());
  client.on("state", ({ state }) => states.push(state));
  const started = performance.now();
  assert.equal(await client.set("k", "v"), "OK");
  await observer.othersBecome(0);
  assert.ok(performance.now() - started >= 195);
  assert.equal(client.status().state, "idle");
  assert.equal(await client.get("k"), "v");
  assert.equal(client.stats().dials, 2);
  // Listeners are told a moment later.
  for (let i = 0; i < 100 && states.length < 5; i += 1) await sleep(20);
  assert.deepEqual(states, ["connecting", "ready", "idle", "connecting", "ready"]);
});

test("what is under way keeps it open, however long that takes; without the option it stays", async (t) => {
  const { server, observer } = await startWatched(t);
  const patient = { command: "30s" };
  const client = createClient({ url: server.url, logger: false, idleTimeout: 100, timeouts: patient });
  const other = createClient({ url: server.url, logger: false, name: "stays" });
  t.after(() => Promise.all([client.close(), other.close()]));
  await Promise.all([client.ping(), other.ping()]);
  server.pause();
  const call = client.get("k");
  await sleep(400);
  server.resume();
  assert.equal(await call, null);
  assert.equal(client.stats().dials, 1);
  await observer.othersBecome(1);
  assert.equal((await observer.others())[0].name, "stays");
});

test("after a sleep it is closed before it is used, and not even asked for a sign of life", async (t) => {
  const { server, observer } = await startWatched(t);
  const before = await observer.calls("ping");
  const { value, dials, connections, took } = await answer(wakeToDeadLink(server.port, { idleTimeout: "1m" }));
  assert.deepEqual([value, dials, connections], ["w", 2, 2]);
  assert.ok(took < 2_000, `${took} ms`);
  assert.equal((await observer.calls("ping")) - before, 2, "those of the handshakes");
});

test("a process that was stopped closes what had been idle as soon as it goes on", async (t) => {
  if (process.platform === "win32") return t.skip("there are no signals on Windows");
  const { server, observer } = await startWatched(t);
  const program = `
    const { createClient } = await import("edgis");
    const redis = createClient({ logger: false, idleTimeout: "1s" });
    await redis.set("k", "v");
    setInterval(() => {}, 1_000);
    console.log("ready");`;
  const { pid, line } = begin(t, program, { REDIS_URL: server.url });
  assert.equal(await line(), "ready");
  process.kill(pid, "SIGSTOP");
  await sleep(2_000);
  const open = (await observer.others()).length;
  process.kill(pid, "SIGCONT");
  // Where this machine stopped it too late it was closed before.
  assert.ok(open <= 1);
  await observer.othersBecome(0);
});

test('"use" is told once a tick, in the context of the first caller, of whatever handle of the connection', async (t) => {
  const { server } = await startWatched(t);
  const warned = [];
  const logger = { info: () => {}, warn: (line) => warned.push(line) };
  const client = createClient({ url: server.url, logger, share: false });
  const other = client.with({ timeouts: { command: "5s" } });
  t.after(() => Promise.all([client.close(), other.close()]));
  const request = new AsyncLocalStorage();
  const uses = [];
  const listener = () => uses.push(request.getStore());
  client.on("use", () => {
    throw new Error("thrown on purpose");
  });
  const late = async () => {
    throw new Error("rejected on purpose");
  };
  client.on("use", late);
  client.on("state", late);
  assert.equal(client.on("use", listener), client);
  await request.run("first", () => client.set("k", "v"));
  await request.run("second", () => Promise.all([client.get("k"), client.bytes.get("k"), other.mget("k")]));
  await request.run("third", () => other.get("k"));
  await request.run("fourth", () => client.with({ timeout: "5s" }).get("k"));
  assert.deepEqual(uses, ["first", "second", "third", "fourth"]);
  assert.match(warned.join("\n"), /a "use" listener threw: Error: thrown on purpose/);
  assert.match(warned.join("\n"), /a "use" listener threw: Error: rejected on purpose/);
  assert.match(warned.join("\n"), /a "state" listener threw: Error: rejected on purpose/);
  client.off("use", listener);
  await client.get("k");
  assert.equal(uses.length, 4);
});

test("events of other clients, and what is none, are accepted", async (t) => {
  const client = createClient({ url: undefined, logger: false });
  t.after(() => client.close());
  for (const name of ["error", "end", "release", "constructor", "__proto__", ""]) {
    assert.equal(
      client.on(name, () => {}),
      client,
    );
    assert.equal(
      client.off(name, () => {}),
      client,
    );
  }
  const odd = createClient({ url: "redis://127.0.0.1:1", idleTimeout: "soon", logger: false });
  t.after(() => odd.close());
  assert.deepEqual([odd.status().reason, /idleTimeout/.test(odd.status().message)], ["bad-option", true]);
});
