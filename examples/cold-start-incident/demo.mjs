// Plays the cold-start incident: many copies of one module start at once, then Redis dies, then it comes back.
//   make demo
import { setTimeout as sleep } from "node:timers/promises";
import { findRedisServer, freePort, startRedis } from "edgis/testing";
import { product } from "./lib/product.mjs";

const copies = 100;
const outage = 1_500;
const fewest = 50;
const requests = "Requests keep coming: each wants a product, from Redis if it can, else from the database.";
const checks = [];
let unhandled = 0;

// edgis tells of changes through the logger, which is the console unless the app has another.
console.info = console.warn = (line) => console.log(`    log: ${line}`);

process.on("unhandledRejection", (reason) => {
  unhandled += 1;
  console.log(`  !! unhandled rejection: ${reason}`);
});

/** A line of the closing table; the demo succeeds when all of them held. */
function check(part, what, wanted, measured, held) {
  checks.push({ part, what, wanted, measured: String(measured), held });
}

const ms = (duration) => `${duration.toFixed(duration < 10 ? 1 : 0)} ms`;

/** Each import with another query is a copy of its own, as another bundle, worker or hot reload would make it. */
const importCopy = async (number) => (await import(`./lib/redis.mjs?copy=${number}`)).redis;

async function coldStart() {
  console.log(`\n(a) Cold start: ${copies} copies of lib/redis.mjs are imported at once, and each runs a command.\n`);
  const start = performance.now();
  const clients = await Promise.all(
    Array.from({ length: copies }, async (_, number) => {
      const redis = await importCopy(number);
      await redis.incr("visits");
      return redis;
    }),
  );
  const took = performance.now() - start;
  await sleep(100); // The log tells good news a moment after it has answered.
  const [redis] = clients;
  const { dials, joins } = redis.stats();
  const visits = await redis.get("visits");
  // Redis counts its connections itself; this one is counted too.
  const connected = Number(/connected_clients:(\d+)/.exec(await redis.info("clients"))?.[1]);
  console.log(
    `\n    All ${copies} were answered after ${ms(took)}. Redis counted ${visits} visits over ${connected} connection.`,
  );
  console.log(`    edgis opened ${dials} connection; ${joins} copies joined it instead of opening another.`);
  check("a", "connections opened (dials)", "1", dials, dials === 1 && connected === 1);
  check("a", "copies that joined it", `${copies - 1} or more`, joins, joins >= copies - 1);
  check("a", "commands answered", copies, visits, visits === String(copies));
  return redis;
}

async function away(redis, patience) {
  const times = [];
  const sources = { cache: 0, database: 0 };
  let errors = 0;
  const until = performance.now() + outage;
  for (let id = 1; performance.now() < until || id <= fewest; id += 1) {
    const start = performance.now();
    try {
      const answer = await product(redis, id % 10);
      sources[answer.from] += 1;
    } catch (error) {
      errors += 1;
      console.log(`  !! a request failed: ${error}`);
    }
    times.push(performance.now() - start);
    await sleep(2);
  }
  const slowest = Math.max(...times);
  const median = times.sort((a, b) => a - b)[times.length >> 1];
  const { state, reason } = redis.status();
  console.log(
    `\n    ${times.length} requests came, ${sources.database} were answered from the database, ${errors} failed.`,
  );
  console.log(`    One took ${ms(median)} (median), the slowest ${ms(slowest)}${patience}.`);
  console.log(`    The client says: ${state}, because ${reason}.`);
  check("b", "requests answered", "all", `${times.length - errors} of ${times.length}`, errors === 0);
  check("b", "time of a request, median", "5 ms or less", ms(median), median <= 5);
  check("b", "time of a request, slowest", "1 s or less", ms(slowest), slowest <= 1_000);
  check("b", "the state is told", "disabled", `${state} (${reason})`, state === "disabled");
}

async function back(redis, port) {
  console.log("\n(c) Redis comes back. Nobody restarts the app, nobody calls connect().\n");
  const server = await startRedis({ port });
  const start = performance.now();
  let recovered = Number.POSITIVE_INFINITY;
  while (performance.now() - start < 5_000) {
    if ((await product(redis, 1)).from === "cache") {
      recovered = performance.now() - start;
      break;
    }
    await sleep(2);
  }
  await sleep(100);
  console.log(`\n    The first answer from the cache came ${ms(recovered)} after Redis was up again.`);
  check("c", "recovered by itself within", "3 s", ms(recovered), recovered <= 3_000);
  check("c", "state after that", "ready", redis.status().state, redis.isReady);
  return server;
}

function report() {
  check("all", "unhandled rejections", "0", unhandled, unhandled === 0);
  const rows = [{ part: "", what: "", wanted: "wanted", measured: "measured", held: undefined }, ...checks];
  const width = (column) => Math.max(...rows.map((row) => String(row[column]).length));
  console.log("");
  for (const row of rows) {
    const cells = ["part", "what", "wanted", "measured"].map((column) => String(row[column]).padEnd(width(column)));
    console.log(`    ${cells.join("   ")}   ${row.held === undefined ? "" : row.held ? "ok" : "FAILED"}`);
  }
  const failed = checks.filter(({ held }) => !held).length;
  console.log(failed === 0 ? "\nAll of it held.\n" : `\n${failed} of ${checks.length} did not hold.\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}

console.log("The cold-start incident, played on a throwaway Redis with the package as it would be published.");
// "none" plays the machine that has no Redis.
if ([undefined, "none"].includes(findRedisServer())) {
  console.log("\nThere is no redis-server on this machine, so only part (b) can be shown: the app without Redis.");
  console.log("Install Redis 6.2 or newer, or name its binary in EDGIS_REDIS_SERVER, to see all of it.");
  process.env.REDIS_URL = `redis://127.0.0.1:${await freePort()}`;
  console.log(`\n(b) Nothing listens where Redis should be. ${requests}\n`);
  await away(await importCopy(0), "");
} else {
  const server = await startRedis();
  process.env.REDIS_URL = server.url;
  const redis = await coldStart();
  console.log(`\n(b) Redis is killed. ${requests}\n`);
  await server.kill();
  await away(redis, ": it saw Redis go, and waited a moment in case it was only a restart");
  const again = await back(redis, server.port);
  // That it goes now is not part of the play.
  console.info = console.warn = () => {};
  await again.stop();
}
report();
