// What is bounded, at the edge of each bound: as much as it says goes through, one more does not, and nothing is lost.
import assert from "node:assert/strict";
import test from "node:test";
import { startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";
import { nobody } from "./peers.mjs";

const logger = false;
const MiB = 2 ** 20;
let server;
test.before(async () => {
  server = await startRedis();
});
test.after(() => server.stop());

/** How many were answered, and the reasons of the others. */
async function outcomes(promises) {
  const settled = await Promise.allSettled(promises);
  const reasons = settled.filter(({ status }) => status === "rejected").map(({ reason }) => reason);
  return { answered: settled.length - reasons.length, reasons };
}

async function ready(t, options) {
  const client = createClient({ url: server.url, logger, share: false, ...options });
  t.after(() => client.close());
  await client.ping();
  return client;
}

/** A client that waits where nobody listens: what it stages stays staged. */
async function waiting(t, limits) {
  const url = await nobody();
  const client = createClient({ url, logger, offline: "wait", share: false, timeouts: { connect: 300 }, limits });
  t.after(() => client.close());
  return client;
}

test("limits.staged, in number, by default 10,000", async (t) => {
  for (const [limits, most] of [
    [{ staged: 3 }, 3],
    [{}, 10_000],
  ]) {
    const client = await waiting(t, limits);
    const { reasons } = await outcomes(Array.from({ length: most + 5 }, (_, i) => client.set(`k${i}`, i)));
    const full = reasons.filter(({ reason }) => reason === "queue-full");
    assert.equal(full.length, 5);
    assert.match(full[0].message, /limits\.staged\)/);
    assert.deepEqual([full[0].sent, full[0].kind], ["no", "DisabledError"]);
    assert.equal(reasons.length - full.length, most, "the others waited as long as they may");
  }
});

test("the name of a command", async (t) => {
  const client = await ready(t, {});
  const { reasons } = await outcomes([client.call("X".repeat(257)), client.call("X".repeat(3e6)), client.call("PING")]);
  assert.deepEqual(
    reasons.map(({ kind }) => kind),
    ["UsageError", "UsageError"],
  );
});

test("limits.stagedBytes, by default 16 MiB, counts values that do not enter the core", async (t) => {
  const value = "v".repeat(MiB);
  for (const [limits, most] of [
    [{ stagedBytes: 2.5 * MiB }, 2],
    [{}, 15],
  ]) {
    const client = await waiting(t, limits);
    const { reasons } = await outcomes(Array.from({ length: most + 2 }, (_, i) => client.set(`k${i}`, value)));
    const full = reasons.filter(({ reason }) => reason === "queue-full");
    assert.equal(full.length, 2);
    assert.match(full[0].message, /limits\.stagedBytes\)/);
    assert.ok(client.stats().memoryBytes < 8 * MiB);
  }
});

test("limits.pending, what is written and not answered", async (t) => {
  const client = await ready(t, { limits: { pending: 5 } });
  const { answered, reasons } = await outcomes(Array.from({ length: 8 }, () => client.incr("pending")));
  assert.equal(answered, 5);
  assert.deepEqual([reasons.length, reasons[0].reason, reasons[0].sent], [3, "queue-full", "no"]);
  assert.match(reasons[0].message, /limits\.pending\)/);
  assert.equal(await client.incr("pending"), 6, "those were never sent");
});

test("limits.bulk, a string of a reply", async (t) => {
  const client = await ready(t, { limits: { bulk: 1_000 } });
  await client.mset({ most: "x".repeat(1_000), more: "x".repeat(1_001) });
  assert.equal((await client.get("most")).length, 1_000);
  const status = "return redis.status_reply(string.rep('x', ARGV[1]))";
  assert.equal((await client.call("EVAL", status, 0, 1_000)).length, 1_000);
  for (const form of ["bulk", "status", "error", "list"]) {
    const over = {
      bulk: () => client.get("more"),
      status: () => client.call("EVAL", status, 0, 100_000),
      error: () => client.call("EVAL", "return redis.error_reply(string.rep('x', 100000))", 0),
      list: () => client.mget("most", "more", "most"),
    }[form];
    // Those around it are answered as ever, and on the same link.
    const [before, { reason }, after] = await Promise.allSettled([client.incr(form), over(), client.incr(form)]);
    assert.deepEqual([before.value, after.value], [1, 2], form);
    assert.deepEqual([reason.kind, reason.sent, reason.retry], ["ProtocolError", "yes", false], form);
    assert.match(reason.message, /^(GET|EVAL|MGET): the reply holds a text longer than limits\.bulk allows/);
  }
  assert.equal(client.stats().dials, 1);
});

test("limits.nesting, of a reply", async (t) => {
  const nested = (depth) => `return ${"{".repeat(depth)}1${"}".repeat(depth)}`;
  const client = await ready(t, { limits: { nesting: 5 } });
  assert.deepEqual(await client.call("EVAL", nested(5), 0), [[[[[1]]]]]);
  for (const depth of [6, 7, 100]) {
    const deep = client.call("EVAL", nested(depth), 0);
    const [{ reason }, after] = await Promise.allSettled([deep, client.incr("nested")]);
    assert.equal(reason.kind, "ProtocolError", `${depth}`);
    assert.match(reason.message, /^EVAL: the reply is nested deeper than limits\.nesting allows/);
    assert.equal(after.status, "fulfilled");
  }
  assert.deepEqual(
    await client.call("EVAL", "return {{}, {{{{{}, 2}}}}, 3}", 0).catch(({ kind }) => kind),
    "ProtocolError",
  );
  assert.deepEqual(await client.call("EVAL", nested(5), 0), [[[[[1]]]]]);
  assert.equal(client.stats().dials, 1);
});
