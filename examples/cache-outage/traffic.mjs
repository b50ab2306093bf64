// Simulates visitors and price changes, and measures what the visitors get.
import { setTimeout as sleep } from "node:timers/promises";
import { loads, version } from "./app/database.mjs";
import { cache, changePrice, product } from "./app/products.mjs";
import { redis } from "./app/redis.mjs";

const VISITORS = 25;
const PRODUCTS = 40;
const PAUSE = 20;
const CHANGE_EVERY = 400;

export const SAMPLE_EVERY = 250;

const some = () => 1 + Math.floor(Math.random() * PRODUCTS);
const sum = (counts) => Object.values(counts).reduce((total, count) => total + count, 0);
const quantile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;

export function createTraffic() {
  /** The oldest version of each product that may still be seen: those before were invalidated. */
  const invalidated = new Map();
  const totals = { answers: 0, errors: 0, stale: 0, changes: 0, outcomes: {} };
  let times = [];
  let open = true;

  async function visit() {
    while (open) {
      const id = some();
      const oldest = invalidated.get(id) ?? 1;
      const start = performance.now();
      try {
        const seen = await product(id);
        if (seen.version < oldest) totals.stale += 1;
        totals.answers += 1;
      } catch {
        totals.errors += 1;
      }
      times.push(performance.now() - start);
      await sleep(PAUSE);
    }
  }

  /** Changes a price and invalidates it in the cache. From then on no visitor may see the old one. */
  async function change() {
    const id = some();
    const outcome = await changePrice(id);
    invalidated.set(id, version(id));
    totals.changes += 1;
    totals.outcomes[outcome] = (totals.outcomes[outcome] ?? 0) + 1;
    return outcome;
  }

  async function changeNowAndThen() {
    while (open) {
      await change();
      await sleep(CHANGE_EVERY);
    }
  }

  let before = counted();
  let since = performance.now();

  function counted() {
    const { hits, fallbacks, replayed, journal, fenced } = cache.stats();
    return { hits, fallbacks: sum(fallbacks), loads, replayed, journal, fenced };
  }

  /** Figures since the last sample: rates a second, times in milliseconds. */
  function sample() {
    const now = performance.now();
    const seconds = (now - since) / 1_000;
    const { state, reason, message, hint, address } = redis.status();
    const { dials, joins } = redis.stats();
    const after = counted();
    const rate = (name) => Math.round((after[name] - before[name]) / seconds);
    const sorted = times.sort((a, b) => a - b);
    const taken = {
      at: Date.now(),
      redis: { state, reason, message, hint, address, dials, joins },
      hits: rate("hits"),
      loads: rate("loads"),
      fallbacks: rate("fallbacks"),
      median: quantile(sorted, 0.5),
      slow: quantile(sorted, 0.99),
      journal: after.journal,
      replayed: after.replayed,
      fenced: after.fenced,
      ...totals,
      outcomes: { ...totals.outcomes },
    };
    before = after;
    since = now;
    times = [];
    return taken;
  }

  const work = [...Array.from({ length: VISITORS }, visit), changeNowAndThen()];
  return {
    sample,
    change,
    async close() {
      open = false;
      await Promise.all(work);
      await redis.close();
    },
  };
}
