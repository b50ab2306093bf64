// An app in a process of its own that asks Redis all the time. Its parent is told of the first answer on each connection,
// and may ask for a report, or for one command.
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "edgis";

/** How many ask at once, how long each waits between two commands, and the options of the client. */
const { workers = 1, every = 20, options } = JSON.parse(process.argv[2]);
const unexpected = [];
process.on("unhandledRejection", (error) => unexpected.push(String(error)));
process.on("uncaughtException", (error) => unexpected.push(String(error)));

const redis = createClient({ logger: false, ...options });
const failed = {};
let answered = 0;
let longest = 0;
let connects = 0;
let pausing = false;

async function work(id) {
  for (let count = 0; ; count += 1) {
    while (pausing) await sleep(5);
    const start = performance.now();
    try {
      const value = `${process.pid} ${id} ${count}`;
      const [, read] = await Promise.all([redis.set(`steady ${process.pid} ${id}`, value), redis.echo(value)]);
      if (read !== value) unexpected.push(`${read} for ${value}`);
      answered += 1;
      const now = redis.stats().connects;
      if (now !== connects) process.send({ well: Date.now() });
      connects = now;
    } catch (error) {
      failed[error.kind] = (failed[error.kind] ?? 0) + 1;
    }
    longest = Math.max(longest, performance.now() - start);
    await sleep(every);
  }
}

const questions = {
  report: () => ({ answered, failed, longest, unexpected, stats: redis.stats(), status: redis.status() }),
  pause: () => {
    pausing = true;
  },
  /** The milliseconds of one command, and its error. */
  async once() {
    const start = performance.now();
    const outcome = await redis.set("once", "1").catch((error) => error.kind);
    return { took: performance.now() - start, outcome, stats: redis.stats() };
  },
};
process.on("message", async (what) => process.send({ answer: what, value: await questions[what]() }));
process.on("disconnect", () => process.exit());
for (let id = 0; id < workers; id += 1) work(id);
