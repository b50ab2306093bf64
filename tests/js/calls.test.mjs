// What a single call can be given: a deadline, and a signal that ends it.
import assert from "node:assert/strict";
import test from "node:test";
import { createClient, isRedisError } from "./connect.mjs";
import { observe } from "./observer.mjs";
import { silent } from "./peers.mjs";
import { answer } from "./programs.mjs";
import { startRedis } from "./redis-server.mjs";

const logger = false;
const caught = (promise) =>
  promise.then(
    (value) => ({ value }),
    (error) => error,
  );

async function start(t, options) {
  const server = await startRedis();
  const observer = await observe(server);
  const client = createClient({ url: server.url, logger, ...options });
  t.after(async () => {
    await client.close();
    observer.close();
    await server.stop();
  });
  return { server, observer, client };
}

test("a call's timeout counts everything, the dial included, and nothing of timeouts", async (t) => {
  const peer = await silent();
  t.after(() => peer.close());
  const client = createClient({ url: peer.url, logger, timeouts: { connect: "20s", command: "20s" } });
  t.after(() => client.close());
  const start = performance.now();
  const error = await caught(client.with({ timeout: "150ms" }).set("k", "v"));
  const took = performance.now() - start;
  assert.deepEqual([error.kind, error.phase, error.sent], ["TimeoutError", "connect", "no"]);
  assert.match(error.message, /\(timeout, 150 ms\)/);
  assert.ok(took >= 149 && took < 1_000, `${took} ms`);
});

test("a call's timeout ends a command that was written, and later replies find their owners", async (t) => {
  const { server, client } = await start(t, { timeouts: { command: "20s" } });
  await client.set("k", "of k");
  server.pause();
  const brief = client.with({ timeout: 100 });
  const late = [brief.get("k"), brief.set("late", "x"), client.get("k"), client.incr("n")];
  const [read, write] = await Promise.all(late.slice(0, 2).map(caught));
  server.resume();
  assert.deepEqual([read.phase, read.sent, write.phase, write.sent], ["reply", "maybe", "reply", "maybe"]);
  assert.deepEqual(await Promise.all(late.slice(2)), ["of k", 1]);
  assert.equal(await brief.get("late"), "x");
});

test("a view for calls costs nothing to make, and closes with its client", async (t) => {
  const { client, observer } = await start(t);
  await client.ping();
  const { handles } = client.stats();
  const { signal } = new AbortController();
  const views = Array.from({ length: 100 }, () => client.with({ timeout: 1_000, signal }));
  await Promise.all(views.map((view) => view.incr("n")));
  assert.equal(await views[0].bytes.get("n").then((bytes) => Buffer.from(bytes).toString()), "100");
  assert.deepEqual([client.stats().handles, (await observer.others()).length], [handles, 1]);
  await client.close();
  assert.equal((await caught(views[1].get("n"))).reason, "closed");
});

test("a view of a closed client is closed too, also where others use the link or its number is another's", async (t) => {
  const elsewhere = await startRedis();
  t.after(() => elsewhere.stop());
  for (const isShared of [true, false]) {
    const { server, client, observer } = await start(t, { share: isShared });
    const views = [client.with({ timeout: 1_000 }), client.bytes, client.bytes.with({ timeout: 1_000 })];
    for (const view of views) await view.get("k");
    const other = createClient({ url: server.url, logger });
    await other.ping();
    await client.close();
    const another = createClient({ url: elsewhere.url, logger, share: false });
    await another.ping();
    for (const view of views) {
      const gets = [view.set("k", "v"), view.get("k"), view.mget(["k"])].map(caught);
      for (const { kind, reason } of await Promise.all(gets))
        assert.deepEqual([kind, reason], ["DisabledError", "closed"]);
      assert.deepEqual([view.status().state, view.isReady, view.isOpen], ["closed", false, false]);
    }
    assert.equal(await another.get("k"), null);
    assert.equal(await observer.ask("GET", "k"), null);
    assert.equal(globalThis[Symbol.for("edgis.engine.1")].deaths.length, 0);
    await Promise.all([other.close(), another.close()]);
  }
});

test("an abort settles calls at once with its reason, in whatever state they are", async (t) => {
  const { server, client, observer } = await start(t, { timeouts: { command: "20s", connect: "20s" } });
  const reason = { no: "error at all" };

  const early = new AbortController();
  early.abort(reason);
  assert.equal(await caught(client.with({ signal: early.signal }).set("early", 1)), reason);

  const staged = new AbortController();
  const beforeTheDial = client.with({ signal: staged.signal }).set("staged", 1);
  staged.abort(reason);
  assert.equal(await caught(beforeTheDial), reason);

  await client.ping();
  server.pause();
  const written = new AbortController();
  const call = client.with({ signal: written.signal });
  const all = [call.get("k"), call.set("k", "v"), call.hgetall("h"), call.mget("a", "b")];
  const others = [client.set("other", 1), client.get("other"), client.incr("count")];
  await new Promise((resolve) => setTimeout(resolve, 50));
  const aborted = performance.now();
  written.abort(reason);
  for (const ended of await Promise.all(all.map(caught))) assert.equal(ended, reason);
  assert.ok(performance.now() - aborted < 900);
  server.resume();
  assert.deepEqual(await Promise.all(others), ["OK", "1", 1]);
  assert.equal(await observer.ask("EXISTS", "early", "staged"), 0, "what had not been written never was");
  assert.equal(client.stats().pending, 0);
});

test("an abort after the reply does nothing, also when the command's number is another's by then", async (t) => {
  const { client } = await start(t);
  const controller = new AbortController();
  const first = client.with({ signal: controller.signal }).set("k", "v");
  let second;
  // The first continuation after the reply: its number has been given to the next command.
  first.then(() => {
    second = client.get("k");
    controller.abort();
  });
  assert.equal(await first, "OK");
  assert.equal(await second, "v");
});

test("a thousand calls under one signal warn of nothing, and an abort nobody awaits ends no process", async (t) => {
  const { server } = await start(t);
  const last = await answer(
    `import { createClient } from "edgis";
     process.on("warning", (warning) => console.error(warning.name));
     const redis = createClient({ logger: false });
     await redis.ping();
     const controller = new AbortController();
     for (let i = 0; i < 1000; i += 1) redis.with({ signal: controller.signal, timeout: 5_000 }).incr("n");
     controller.abort();
     await new Promise((resolve) => setTimeout(resolve, 50));
     redis.with({ signal: AbortSignal.abort() }).incr("n");
     console.log(JSON.stringify({ unhandled: __unhandled, uncaught: __uncaught, pong: await redis.ping() }));
     await redis.close();`,
    { env: { REDIS_URL: server.url }, witnessed: true },
  );
  assert.deepEqual(last, { unhandled: 0, uncaught: 0, pong: "PONG", stderr: "" });
});

test("a mistake in a call under a signal is seen when nobody awaits it, and only then", async (t) => {
  const { server } = await start(t);
  const last = await answer(
    `import { createClient } from "edgis";
     const seen = [];
     process.on("unhandledRejection", (error) => seen.push(error.kind));
     const redis = createClient({ logger: false });
     await redis.set("text", "x");
     const controller = new AbortController();
     const call = redis.with({ signal: controller.signal });
     call.incr("text");
     call.set("k", null);
     call.call("SUBSCRIBE", "c");
     const kinds = await Promise.all([call.incr("text"), call.get(5, 6)].map((each) => each.catch(({ kind }) => kind)));
     await new Promise((resolve) => setTimeout(resolve, 50));
     call.incr("n");
     controller.abort();
     const away = createClient({ url: "redis://127.0.0.1:1", logger: false });
     away.with({ signal: new AbortController().signal }).incr("n");
     await away.init();
     await new Promise((resolve) => setTimeout(resolve, 50));
     console.log(JSON.stringify({ kinds, seen: seen.sort() }));
     await redis.close();`,
    { env: { REDIS_URL: server.url } },
  );
  assert.deepEqual(last, {
    kinds: ["ReplyError", "ReplyError"],
    seen: ["ReplyError", "UsageError", "UsageError"],
    stderr: "",
  });
});

test("options of with() that make no sense show in the status and reject every call", async (t) => {
  const { client } = await start(t);
  await client.ping();
  const wrong = {
    "timeout must be": { timeout: "soon" },
    "signal must be": { signal: {} },
    "unknown option ofline; did you mean offline?": { ofline: "wait" },
    "unknown option url": { url: "redis://x" },
    "offline must be": { offline: "never" },
    "with takes an object": 5,
  };
  for (const [message, options] of Object.entries(wrong)) {
    const view = client.with(options);
    assert.equal(view.status().reason, "bad-option");
    assert.ok(view.status().message.startsWith(message), view.status().message);
    const error = await caught(view.get("k"));
    assert.ok(isRedisError(error) && error.reason === "bad-option", String(error));
  }
  assert.equal(await client.ping(), "PONG");
});
