// Visitors on several servers among faults, for visitors.test.mjs: node visitors.program.mjs SEED SECONDS. Its last line is
// what became of it, as JSON. A process of its own, since node:test follows every promise, which takes most of the time.
import { setTimeout as sleep } from "node:timers/promises";
import { faultProxy, startRedis } from "edgis/testing";
import { observe } from "../js/observer.mjs";
import { Ledger } from "./ledger.mjs";
import { Random } from "./random.mjs";
import { strike } from "./strikes.mjs";
import { board, Place, THERE, Visitor } from "./visitors.mjs";

const SERVERS = 3;
const VISITORS = 8;
// What most errors cost is their stack.
Error.stackTraceLimit = 4;
const [seed, seconds] = process.argv.slice(2).map(Number);

/** A server that keeps what it acknowledged, a proxy before it, and the places there: two databases, by RESP3 and by RESP2. */
async function ground(number) {
  const server = await startRedis({ args: ["--appendonly", "yes", "--appendfsync", "no"] });
  const proxy = await faultProxy(server.url);
  const observer = await observe(server);
  for (const db of [0, 1]) {
    await observer.ask("SELECT", db);
    await observer.ask("SET", THERE, "v");
    await observer.ask("ZADD", "board", ...board.flatMap(([member, score]) => [score, member]));
  }
  observer.close();
  const places = [3, 2].map((protocol, db) => new Place(2 * number + db, proxy.url, db, protocol));
  return { server, proxy, places };
}

/** What of the visitors' is on the servers: counters by name, and keys that are another place's. */
async function counted(grounds) {
  const counters = new Map();
  const strays = [];
  for (const { server, places } of grounds) {
    const observer = await observe(server);
    for (const { db, mark } of places) {
      await observer.ask("SELECT", db);
      for (const key of await observer.ask("KEYS", "*")) {
        if (key === THERE || key === "board") continue;
        if (!key.includes(`:${mark}:`)) strays.push(`${key} at ${mark}`);
        else if (key.startsWith("counter:")) counters.set(key, Number(await observer.ask("GET", key)));
      }
    }
    observer.close();
  }
  return { counters, strays };
}

/** Calls into the core that change what it knows. It is to die in one of them, as by a bug. */
const mortal = ["submit", "receive", "advance", "drained", "lost", "opened", "connect", "release", "abandon_all"];

/** Lets it die as long as it is to go on, but less often than five times in a minute, when it would stay down. */
async function die(random) {
  while (goesOn()) {
    await sleep(random.between(4_000, 20_000), undefined, { ref: false });
    const { calls } = globalThis[Symbol.for("edgis.engine.1")].core;
    const name = random.one(mortal);
    const { [name]: call } = calls;
    calls[name] = () => {
      calls[name] = call;
      ledger.deaths += 1;
      calls.trap();
    };
  }
}

const random = new Random(seed);
const grounds = [];
for (let number = 0; number < SERVERS; number += 1) grounds.push(await ground(number));
const places = grounds.flatMap((one) => one.places);
const ledger = new Ledger();

const start = performance.now();
const goesOn = () => performance.now() - start < seconds * 1_000;
let working = true;
const visitors = Array.from({ length: VISITORS }, (_, number) => new Visitor(number, ledger, places, random.fork()));
// Not everywhere: a handle that is the last of its target closes that with it.
const residents = places.slice(0, 3).map((_, index) => new Visitor(VISITORS + index, ledger, places, random.fork()));
const all = Promise.all([
  ...visitors.map((visitor) => visitor.work(() => working)),
  ...residents.map((resident, index) => resident.stay(places[index], () => working)),
]);
die(random.fork());
const struck = await Promise.all(grounds.map((place) => strike(place, random.fork(), { goesOn, pause: 250 }))).finally(
  () => {
    working = false;
  },
);
const ended = await Promise.race([all.then(() => true), sleep(40_000, false, { ref: false })]);

const { counters, strays } = await counted(grounds);
const [lost, doubled] = [[], []];
for (const { accounts } of [...visitors, ...residents]) {
  for (const [, { counter, acknowledged, maybe }] of accounts) {
    const count = counters.get(counter) ?? 0;
    const entry = `${counter}: ${count} counted, ${acknowledged} acknowledged, ${maybe} maybe`;
    if (count < acknowledged) lost.push(entry);
    if (count > acknowledged + maybe) doubled.push(entry);
  }
}
const sum = (counts) => [...counts].reduce((all, [, count]) => all + count, 0);
const { calls, answered, failures, longestWait, overrun, behind } = ledger;
const violations = {
  "replies to another caller": ledger.misrouted,
  "commands on another server": strays,
  lost,
  "done twice, or though they were said not to be sent": doubled,
  "failed for no reason of the faults": ledger.strange,
  late: ledger.late,
  "never settled": ended && ledger.open === 0 ? [] : [`${ledger.open} calls`],
};
const told = {
  calls,
  answered,
  faults: sum(struck.flatMap((kinds) => [...kinds])),
  failures: Object.fromEntries(failures),
  deaths: ledger.deaths,
  longestWait,
  overrun,
  slowest: ledger.slowest,
  behind,
  violations: Object.entries(violations)
    .filter(([, entries]) => entries.length > 0)
    .map(([what, entries]) => `${entries.length} ${what}:\n  ${entries.slice(0, 5).join("\n  ")}`),
};
console.log(JSON.stringify(told));
for (const { server, proxy } of grounds) {
  await proxy.close();
  await server.stop();
}
ledger.close();
