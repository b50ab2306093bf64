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
/** 300 in a minute; where they come more slowly it takes longer, */
const FAULTS = 5 * SECONDS;
/** but not longer than this. */
const LONGEST = 3 * SECONDS;
const seed = seedOf("LEDGER_SEED");
const name = `the ledger: ${WORKERS} workers for ${SECONDS} s of faults (LEDGER_SEED=${seed})`;

/** Tells it as a test's diagnostic, and returns it for messages. */
function figures(t, values) {
  const text = Object.entries(values)
    .map(([name, value]) => `${name} ${typeof value === "number" ? Math.round(value * 10) / 10 : value}`)
    .join(" · ");
  t.diagnostic(`ledger: ${text}`);
  return text;
}

const told = (map) => [...map].map(([name, count]) => `${name} ${count}`).join(", ");

test(name, { timeout: LONGEST * 1_000 + 60_000 }, async (t) => {
  const random = new Random(seed);
  // What is acknowledged is in the file by then: it survives kill -9.
  const server = await startRedis({ args: ["--appendonly", "yes"] });
  const proxy = await faultProxy(server.url);
  const client = createClient({ url: proxy.url, logger: false, timeouts, retry: { base: 10, cap: 100 } });
  const ledger = new Ledger();
  t.after(async () => {
    ledger.close();
    await client.close();
    await proxy.close();
    await server.stop();
  });
  for (let number = 0; number < WORKERS; number += 1)
    await client.rpush(`ledger:list:${number}`, ...Array.from({ length: 20 }, (_, index) => listItem(number, index)));

  const workers = Array.from({ length: WORKERS }, (_, number) => new Worker(number, ledger, client, random.fork()));
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1_000;
  let striking = true;
  const working = Promise.all(workers.map((worker) => worker.work(() => striking)));
  const goesOn = (faults) => seconds() < SECONDS || (faults < FAULTS && seconds() < LONGEST);
  const struck = await strike({ proxy, server }, random.fork(), { goesOn, pause: 70 }).finally(() => {
    striking = false;
  });
  const took = seconds();
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
    seconds: took,
    calls: ledger.calls,
    answered: ledger.answered,
    faults,
    lost: lost.length,
    misrouted: ledger.misrouted.length,
    doubled: doubled.length,
    late: ledger.late.length,
    "longest wait (ms)": ledger.longestWait,
    "most beyond a deadline (ms)": ledger.overrun,
    "the loop was behind (ms)": ledger.behind,
    failures: told(ledger.failures),
    dials,
    connects,
    resent,
    memoryBytes,
  });
  t.diagnostic(`faults: ${told(struck)}`);

  assert.ok(ended && ledger.open === 0, `${ledger.open} calls never settled; ${text}`);
  const none = (what, found) => assert.deepEqual(found, [], `${found.length} ${what}; ${text}`);
  none("misrouted", ledger.misrouted);
  none("lost", lost);
  none("doubled", doubled);
  none("failed for no reason of the faults", ledger.strange);
  none("late", ledger.late);
  assert.ok(faults >= FAULTS, `not ${FAULTS} faults; ${text}`);
  assert.ok(ledger.answered > ledger.calls / 8, `it was away most of the time; ${text}`);
  assert.equal(pending, 0, `pending; ${text}`);
  assert.ok(memoryBytes <= 8 << 20, `too much memory; ${text}`);
  await observer.othersBecome(1);
  assert.equal(proxy.connections, 1);
});
