// The ledger: 50 workers, a minute, hundreds of faults. LEDGER_SEED repeats a run, LEDGER_SECONDS makes it shorter or longer.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "edgis";
import { faultProxy, startRedis } from "edgis/testing";
import { observe } from "../js/observer.mjs";
import { Ledger, listItem, timeouts, Worker } from "./ledger.mjs";
import { Random, seedOf } from "./random.mjs";
import { strike } from "./strikes.mjs";

const WORKERS = 50;
const SECONDS = Number(process.env.LEDGER_SECONDS ?? 60);
/** Faults a second at the least; 300 in a minute. */
const FAULTS = 5;

/** Tells it as a test's diagnostic, and returns it for messages. */
function figures(t, values) {
  const text = Object.entries(values)
    .map(([name, value]) => `${name} ${typeof value === "number" ? Math.round(value * 10) / 10 : value}`)
    .join(" · ");
  t.diagnostic(`ledger: ${text}`);
  return text;
}

const told = (map) => [...map].map(([name, count]) => `${name} ${count}`).join(", ");

test(`the ledger: ${WORKERS} workers for ${SECONDS} s of faults`, { timeout: SECONDS * 1_000 + 60_000 }, async (t) => {
  const seed = seedOf("LEDGER_SEED");
  const random = new Random(seed);
  // What is acknowledged is in the file by then: it survives kill -9.
  const server = await startRedis({ args: ["--appendonly", "yes"] });
  const proxy = await faultProxy(server.url);
  const client = createClient({ url: proxy.url, logger: false, timeouts, retry: { base: 10, cap: 100 } });
  t.after(async () => {
    await client.close();
    await proxy.close();
    await server.stop();
  });
  for (let number = 0; number < WORKERS; number += 1)
    await client.rpush(`ledger:list:${number}`, ...Array.from({ length: 20 }, (_, index) => listItem(number, index)));

  const ledger = new Ledger();
  const workers = Array.from({ length: WORKERS }, (_, number) => new Worker(number, ledger, client, random.fork()));
  const until = performance.now() + SECONDS * 1_000;
  const working = Promise.all(workers.map((worker) => worker.work(until)));
  const struck = await strike({ proxy, server }, random.fork(), { until, pause: 70 });
  const ended = await Promise.race([working.then(() => true), sleep(30_000, false, { ref: false })]);

  await client.ready({ timeout: "20s" });
  const observer = await observe(server);
  t.after(() => observer.close());
  const [lost, doubled] = [[], []];
  for (const { counter, acknowledged, maybe } of workers) {
    const counted = Number(await observer.ask("GET", counter));
    const entry = `${counter}: ${counted} counted, ${acknowledged} acknowledged, ${maybe} maybe`;
    if (counted < acknowledged) lost.push(entry);
    if (counted > acknowledged + maybe) doubled.push(entry);
  }
  const faults = [...struck.values()].reduce((sum, count) => sum + count, 0);
  const { dials, connects, resent, memoryBytes, pending } = client.stats();
  const text = figures(t, {
    seed,
    calls: ledger.calls,
    answered: ledger.answered,
    faults,
    lost: lost.length,
    misrouted: ledger.misrouted.length,
    doubled: doubled.length,
    late: ledger.late.length,
    "longest wait (ms)": ledger.longestWait,
    "most beyond a deadline (ms)": ledger.overrun,
    failures: told(ledger.failures),
    dials,
    connects,
    resent,
    memoryBytes,
  });
  t.diagnostic(`faults: ${told(struck)}`);

  assert.ok(ended && ledger.open === 0, `${ledger.open} calls never settled; ${text}`);
  assert.deepEqual(ledger.misrouted, [], text);
  assert.deepEqual(lost, [], text);
  assert.deepEqual(doubled, [], text);
  assert.deepEqual(ledger.strange, [], text);
  assert.deepEqual(ledger.late, [], text);
  assert.ok(faults >= FAULTS * SECONDS, text);
  assert.ok(ledger.answered > ledger.calls / 4, `it was away most of the time; ${text}`);
  assert.equal(pending, 0, text);
  assert.ok(memoryBytes <= 8 << 20, text);
  await observer.othersBecome(1);
  assert.equal(proxy.connections, 1);
});
