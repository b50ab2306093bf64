// The process whose memory a soak watches: an app that does everything at once, for as long as it is told to. It prints
// a line of JSON a sample. Redis, the proxy and the faults live in its parent, so that the heap is edgis's and its own.
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "edgis";
import { Random } from "./random.mjs";

const { SOAK_URL: url, SOAK_SECONDS, SOAK_SEED, SOAK_SAMPLES } = process.env;
const logger = false;
const timeouts = { connect: 500, command: 500 };
const random = new Random(Number(SOAK_SEED));
const client = createClient({ url, logger, timeouts, retry: { base: 10, cap: 200 } });
const patient = client.with({ offline: "wait" });
const large = "large value ".repeat(30_000);
const calls = { made: 0, failed: 0, wrong: 0 };

/** Makes a call; what it gave, or undefined when it failed. */
function made(promise, wanted) {
  calls.made += 1;
  return promise.then(
    (reply) => {
      if (wanted !== undefined && reply !== wanted) calls.wrong += 1;
      return reply;
    },
    () => {
      calls.failed += 1;
    },
  );
}

const times = (count, act) => Promise.all(Array.from({ length: count }, (_, i) => act(i)));

const loads = [
  [10, () => times(100, (i) => made(client.get(`soak:${i % 20}`)))],
  [6, () => times(50, (i) => made(client.set(`soak:${i % 20}`, `value ${i}`, { EX: 600 })))],
  [4, () => times(20, (i) => made(client.echo(`echo ${i} ü`), `echo ${i} ü`))],
  [3, () => times(20, () => made(client.incr("soak:counter")))],
  [3, () => made(client.set("soak:large", large)).then(() => made(client.get("soak:large"), large))],
  [2, () => made(client.bytes.get("soak:large"))],
  [2, () => made(client.hset("soak:hash", { a: 1, b: "two", c: random.between(0, 1e9) }))],
  [3, () => times(10, () => made(client.hgetall("soak:hash")))],
  [2, () => made(client.rpush("soak:list", "item")).then(() => made(client.ltrim("soak:list", -200, -1)))],
  [2, () => times(5, () => made(client.lrange("soak:list", 0, -1)))],
  [2, () => times(5, () => made(client.mget(["soak:1", "soak:2", "soak:none"])))],
  [2, () => times(10, () => made(patient.get("soak:1")))],
  [1, () => times(10, () => made(client.lpush("soak:hash", "wrong type")))],
  [1, () => times(10, () => made(client.call("SUBSCRIBE", "refused")))],
  [2, () => times(10, (i) => made(client.with({ timeout: random.between(1, 200) }).get(`soak:${i}`)))],
  [2, abandoned],
  [2, visitors],
  [1, () => times(10, () => made(client.init()))],
];

/** Callers that give up, some of them before the reply. */
function abandoned() {
  const controller = new AbortController();
  const view = client.with({ signal: controller.signal });
  const waiting = times(20, (i) => made(view.get(`soak:${i}`)));
  if (random.fraction() < 0.5) setImmediate(() => controller.abort());
  return waiting;
}

/** Clients that come and go: closed, or left to the garbage collector. */
async function visitors() {
  const shared = createClient({ url, logger, timeouts });
  const own = createClient({ url: `${url}/1`, logger, timeouts, share: false });
  const forgotten = createClient({ url, logger, timeouts });
  const listener = () => {};
  shared.on("state", listener);
  await Promise.all([shared, own, forgotten].map((visitor) => made(visitor.echo("hello"), "hello")));
  shared.off("state", listener);
  client.stats();
  client.status();
  await Promise.all([shared.close(), own.close()]);
}

function sample() {
  global.gc();
  global.gc();
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
  const { memoryBytes, pending, dials, handles, bytesIn, bytesOut } = client.stats();
  const memory = { heapUsed, external, arrayBuffers, rss, memoryBytes };
  console.log(JSON.stringify({ ...memory, pending, dials, handles, bytesIn, bytesOut, ...calls }));
}

const start = performance.now();
const every = (Number(SOAK_SECONDS) * 1_000) / Number(SOAK_SAMPLES);
for (let due = start + every, samples = 0; samples < Number(SOAK_SAMPLES); ) {
  await Promise.all([random.weighted(loads)(), random.weighted(loads)(), random.weighted(loads)()]);
  // A few milliseconds of rest leave half of the core to the rest of the machine.
  await sleep(random.between(0, 4));
  if (performance.now() < due) continue;
  // What a collection finds unused may be closed only after it.
  global.gc();
  await sleep(20);
  sample();
  samples += 1;
  due += every;
}
await Promise.all([patient.close(), client.close()]);
