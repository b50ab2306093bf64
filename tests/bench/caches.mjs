#!/usr/bin/env node
// Measures edgis/cache beside its peers: hits in memory and in Redis, misses, what an entry takes, and a Redis that is away.
import { createClient } from "edgis";
import { freePort } from "../js/redis-server.mjs";
import { atLeast } from "./bars.mjs";
import { Contest, options } from "./contest.mjs";
import { installCaches, versionOfCache } from "./install.mjs";
import { median, ratio } from "./statistics.mjs";
import { startSubject } from "./subject.mjs";
import { number, thousands, times } from "./table.mjs";

const settings = options.quick
  ? { rounds: 3, round: 60, warm: 200, downs: 1, limit: 3_000, entries: 500 }
  : { rounds: 11, round: 140, warm: 600, downs: 5, limit: 20_000, entries: 1_000 };

const contest = new Contest(
  "caches",
  ["edgis", "bentocache", "cache-manager", "cacheable"].map((name) => ({ name, package: name })),
  settings,
);
const { entrants: caches } = contest;
const peers = caches.slice(1);

const hit = (id, title, memory, flight, small) => ({ id, title, memory, kind: "hit", flight, small });
const loads = [
  hit("memory", "hit in memory, 1,000 at once, 32 B", true, 1_000, true),
  hit("memory-512", "hit in memory, 1,000 at once, 512 B", true, 1_000, false),
  hit("redis-1", "hit in Redis, 1 at once, 32 B", false, 1, true),
  hit("redis-100", "hit in Redis, 100 at once, 32 B", false, 100, true),
  hit("redis-100-512", "hit in Redis, 100 at once, 512 B", false, 100, false),
  hit("redis-1000", "hit in Redis, 1,000 at once, 32 B", false, 1_000, true),
  { id: "miss", title: "miss and fill, 100 at once, 512 B", memory: false, kind: "miss", flight: 100, small: false },
];
if (!installCaches()) throw new Error("there is no package: run make package first");

const SUM_OF_KEYS = `local sum = 0
for _, key in ipairs(redis.call("KEYS", "*")) do sum = sum + redis.call("MEMORY", "USAGE", key) end
return sum`;

/** What Redis holds for an entry: keys, their expiry, and all else that is stored beside it. */
async function measureBytes() {
  contest.progress("bytes an entry");
  return await contest.withEach({ memory: false }, async (running) => {
    const bytes = {};
    for (const one of running) {
      const { entrant, redis, subject } = one;
      await contest.attempt(one, "bytes", async () => {
        await subject.ask("fill", { count: settings.entries });
        const admin = createClient({ url: redis.url, logger: false });
        bytes[entrant.name] = Number(await admin.call("EVAL", SUM_OF_KEYS, 0)) / settings.entries;
        await admin.close();
      });
    }
    return bytes;
  });
}

/** Calls of a process whose Redis is not there: its first one, and one after that. */
async function measureDown() {
  contest.progress("Redis away at the start");
  const took = Object.fromEntries(caches.map(({ name }) => [name, { first: [], next: [] }]));
  const port = await freePort();
  for (let round = 0; round < settings.downs; round++) {
    const measure = async (cache) => {
      try {
        const subject = await startSubject(cache, { port, hints: { memory: true }, worker: contest.worker });
        const { first, next } = await subject.ask("down", { limit: settings.limit });
        took[cache.name].first.push(first);
        took[cache.name].next.push(next);
        await subject.stop();
      } catch (error) {
        contest.fail(cache, "down", error);
      }
    };
    // Peers wait for long, and may do so together; who does not is not to be disturbed by them.
    await measure(caches[0]);
    await Promise.all(peers.map(measure));
  }
  return took;
}

function judge({ loads: measured, down, bytes }) {
  const best = (id) =>
    Math.min(...peers.map(({ name }) => ratio(measured[id]?.edgis?.rates, measured[id]?.[name]?.rates) ?? Number.NaN));
  const soonest = Math.min(...peers.map(({ name }) => median(down[name].next) ?? Number.POSITIVE_INFINITY));
  const smallest = Math.min(...peers.map(({ name }) => bytes[name] ?? Number.POSITIVE_INFINITY));
  return [
    atLeast("hit in memory, to the best", best("memory"), 2),
    atLeast("hit in Redis, 1 at once, to the best", best("redis-1"), 1),
    atLeast("hit in Redis, 100 at once, to the best", best("redis-100"), 4),
    atLeast("hit in Redis, 1,000 at once, to the best", best("redis-1000"), 1),
    atLeast("miss and fill, to the best", best("miss"), 1),
    atLeast("bytes an entry, of the best", smallest / bytes.edgis, 1),
    atLeast("Redis away, how much sooner than the best", soonest / median(down.edgis.next), 1_000),
  ];
}

const results = { ...contest.begin(versionOfCache), limit: settings.limit };
for (const load of loads) results.loads[load.id] = await contest.measure(load, { memory: load.memory });
results.bytes = await measureBytes();
results.down = await measureDown();
results.bars = judge(results);

const names = caches.map(({ name }) => name);
const wait = (name, which) => {
  const took = median(results.down[name][which]);
  return took >= settings.limit ? `> ${number(settings.limit)}` : number(took);
};
results.tables = [
  {
    title: "Calls of getOrSet, thousands a second",
    head: ["", ...names],
    rows: loads.map(({ id, title }) => [title, ...names.map((name) => thousands(results.loads[id][name]?.rate))]),
  },
  {
    title: "edgis ÷ peer",
    head: ["", ...names.slice(1)],
    rows: loads.map(({ id, title }) => [
      title,
      ...names.slice(1).map((name) => times(ratio(results.loads[id].edgis?.rates, results.loads[id][name]?.rates))),
    ]),
  },
  {
    title: "One of each",
    head: ["", ...names],
    rows: [
      ["bytes in Redis for an entry of 60 to 1,060 B", ...names.map((name) => number(results.bytes[name]))],
      ["first call with Redis away, ms", ...names.map((name) => wait(name, "first"))],
      ["a later call with Redis away, ms", ...names.map((name) => wait(name, "next"))],
    ],
  },
];
contest.publish(results);
