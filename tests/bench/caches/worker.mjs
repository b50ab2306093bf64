// The measured process: one cache, told what to do by lines of JSON on stdin.
import { obey } from "../lines.mjs";

const [adapter, port, hints] = process.argv.slice(2);
// Peers throw from the background when Redis is away; what is measured is when their caller hears of it.
process.on("unhandledRejection", () => {});
process.on("uncaughtException", () => {});

const { open } = await import(adapter);
const cache = await open(Number(port), JSON.parse(hints));

const KEYS = 1_000;
/** What an app caches: a text of 32 B, as in the bench of clients, or an object of half a kilobyte. */
const value = (key, small) => (small ? `${key}:${"v".repeat(31)}`.slice(0, 32) : object(key));
const object = (key) => ({
  id: key,
  name: `Product ${key}`,
  price: 1999,
  tags: ["a", "b", "c"],
  updated: 1_790_000_000_000,
  description: "what an app would cache, some hundred bytes of it; ".repeat(8),
});
const never = () => {
  throw new Error("this should have been a hit");
};

let fresh = 0;

/** `flight` calls at once, then the next; hits on known keys, or misses on keys that nobody has asked for yet. */
async function run({ load: { kind, flight, small }, ms, verify }) {
  if (verify && kind === "hit") {
    const all = Array.from({ length: KEYS }, (_, i) => cache.getOrSet(`k${i}`, () => value(`k${i}`, small)));
    const seen = await Promise.all(all);
    if (seen.some((got, i) => JSON.stringify(got) !== JSON.stringify(value(`k${i}`, small)))) {
      throw new Error("a wrong value");
    }
  }
  const loader = async (key) => value(key, small);
  const call =
    kind === "hit"
      ? (i) => cache.getOrSet(`k${i % KEYS}`, never)
      : () => {
          const key = `miss:${process.pid}:${fresh}`;
          fresh += 1;
          return cache.getOrSet(key, () => loader(key));
        };
  const cpu = process.cpuUsage();
  const start = performance.now();
  let commands = 0;
  do {
    const calls = new Array(flight);
    for (let i = 0; i < flight; i++) calls[i] = call(commands + i);
    await Promise.all(calls);
    commands += flight;
  } while (performance.now() - start < ms);
  const elapsed = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { commands, elapsed, cpu: user + system, writes: 0 };
}

/** How long callers wait for values that are not in a cache that cannot be reached: the first, and one a moment later. */
async function down({ limit }) {
  const first = await waited("first", limit);
  await new Promise((resolve) => setTimeout(resolve, 200));
  return { first, next: await waited("next", limit) };
}

/** Until there is a value; an error is none. */
async function waited(key, limit) {
  const start = performance.now();
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, limit);
  });
  await Promise.race([cache.getOrSet(key, async () => value(key)).catch(() => late), late]);
  clearTimeout(timer);
  return performance.now() - start;
}

/** Values of 60 to 1,060 bytes: memory is given out in steps, so one size says little. */
const fill = async ({ count }) => {
  for (let i = 0; i < count; i += 100) {
    const one = (n) => cache.getOrSet(`fill${n}`, async () => "v".repeat(60 + (1_000 * n) / count));
    await Promise.all(Array.from({ length: 100 }, (_, j) => one(i + j)));
  }
  return null;
};

const tasks = {
  run,
  down,
  fill,
  close: () => Promise.race([cache.close(), new Promise((end) => setTimeout(end, 500))]),
};

await obey(tasks);
