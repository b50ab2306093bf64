// What a client holds: per command in flight, and behind the few values a program keeps of the many it read.

import { keys, values } from "./loads.mjs";

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The least of several looks: what a collection frees may let go of more, and compiled code comes and goes meanwhile. */
async function settledHeap() {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 10; i++) {
    if (globalThis.Bun) Bun.gc(true);
    else globalThis.gc();
    await sleep(10);
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external);
  }
  return { heap: least, rss: process.memoryUsage().rss };
}

/**
 * Memory with `count` GETs sent and unanswered. They go out over many turns, as from many requests. The orchestrator
 * holds the replies back from the note "warm" on and lets them go at "measured".
 */
export async function inFlight(client, count, send) {
  const names = keys(32);
  await Promise.all(names.map((name) => client.get(name)));
  const replies = new Array(count).fill(null);
  const before = await settledHeap();
  send({ note: "warm" });
  await sleep(20);
  for (let i = 0; i < count; i++) {
    replies[i] = client.get(names[i % names.length]);
    if (i % 1000 === 999) await new Promise((resolve) => setImmediate(resolve));
  }
  await sleep(100);
  const after = await settledHeap();
  send({ note: "measured" });
  const failed = (await Promise.allSettled(replies)).filter(({ status }) => status === "rejected");
  if (failed.length) throw new Error(`${failed.length} of ${count} rejected: ${failed[0].reason?.message}`);
  return { count, heap: after.heap - before.heap, rss: after.rss - before.rss };
}

/** Reads 1,000 values for each that is kept. What the kept ones hold alive is what their release gives back. */
export async function retained(client, kept) {
  const names = keys(32);
  const expected = values(32);
  const keep = new Array(kept).fill(null);
  const read = async () => Promise.all(names.map((name) => client.get(name)));
  for (let i = 0; i < 5; i++) await read();
  for (let i = 0; i < kept; i++) {
    const index = (i * 7) % names.length;
    keep[i] = (await read())[index];
    if (keep[i] !== expected[index]) throw new Error(`wrong value ${i}: ${keep[i]}`);
  }
  const { heap } = await settledHeap();
  const bytes = keep.reduce((sum, value) => sum + value.length, 0);
  keep.fill(null);
  const { heap: released } = await settledHeap();
  return { read: kept * names.length, kept, bytes, heap: heap - released };
}
