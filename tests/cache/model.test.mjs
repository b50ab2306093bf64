// Random schedules on a real server: whatever fails and in whatever order, nothing is served that was invalidated.
// MODEL_SEED repeats a run; MODEL_SCHEDULES says how long it is, where a minute is not enough or too much; MODEL_THEME what
// all of it is about.
import assert from "node:assert/strict";
import test from "node:test";
import { Random, seedOf } from "../faults/random.mjs";
import { Schedule } from "./model.mjs";
import { sleep, until } from "./scene.mjs";
import { binaries } from "./servers.mjs";
import { themesOfRounds, World } from "./world.mjs";

const SCHEDULES = Number(process.env.MODEL_SCHEDULES ?? 2_000);
/** Where nobody asks for a number, a machine that is slow does fewer. Milliseconds. */
const LONGEST = process.env.MODEL_SCHEDULES === undefined ? 60_000 : Number.POSITIVE_INFINITY;
/** So many at once, each in a namespace of its own, share the processes and what befalls them. */
const AT_ONCE = 125;
const STEPS = 24;
/** Milliseconds. */
const PACE = 40;
const options = [
  { leaseWait: 200 },
  { leaseWait: 200, staleWhileRevalidate: "1m", graceOnError: "1m" },
  { leaseWait: 200, maxJournal: 1, jitter: 0 },
  { leaseWait: 200, l1: { maxStale: 300 } },
];

const timeout = 60_000 + 200 * SCHEDULES;
/** In the name of the test: however it fails, what it drew is told. */
const seed = seedOf("MODEL_SEED");
const name = `no reader gets what was invalidated, in any of thousands of random schedules (MODEL_SEED=${seed})`;

test(name, { timeout }, async (t) => {
  const start = performance.now();
  const random = new Random(seed);
  const wrong = [];
  const sum = { schedules: 0, reads: 0, hits: 0, faults: 0, applied: 0, journaled: 0, unknown: 0, dropped: 0 };
  const isEnough = () => sum.schedules >= SCHEDULES || performance.now() - start > LONGEST;
  // So that each theme meets each server.
  const themes = themesOfRounds.filter(
    (theme) => process.env.MODEL_THEME === undefined || theme === process.env.MODEL_THEME,
  );
  for (let round = 0; !isEnough() && wrong.length === 0; round += 1) {
    const theme = themes[(round + Math.floor(round / themes.length)) % themes.length];
    const [version, binary] = binaries[round % binaries.length];
    const world = await World.begin(random.fork(), theme, options, binary);
    const tell = (what) =>
      wrong.push(`round ${round}, ${theme} on ${version}: ${what}\nfaults:\n  ${world.faults.slice(-30).join("\n  ")}`);
    const schedules = Array.from({ length: AT_ONCE }, (_, i) => new Schedule(random.fork(), world, `s${i}`, tell));
    const rages = world.rage(STEPS * PACE);
    await Promise.all(schedules.map((schedule) => schedule.run(STEPS, PACE)));
    await rages;
    // All is well again: what is owed is made up for by itself, with no command to ask for it.
    const isSettled = () => schedules.every((schedule) => !schedule.owes);
    await until(isSettled, 20_000, "a journal that is made up for").catch((error) => tell(`${error} ${world.state}`));
    // What hung may arrive now.
    await sleep(20);
    await Promise.all(schedules.map((schedule) => schedule.sweep()));
    for (const { reads, hits, outcomes } of schedules) {
      for (const [name, count] of Object.entries({ reads, hits, ...outcomes })) sum[name] += count;
    }
    sum.schedules += schedules.length;
    sum.faults += world.faults.length;
    await world.end();
  }
  // Nothing is left that nobody will ever hear of.
  const { pending } = globalThis[Symbol.for("edgis.engine.1")];
  await until(() => pending.size === 0, 10_000, "an answer to everything that was asked");
  const told = Object.entries(sum).map(([name, count]) => `${count} ${name}`);
  t.diagnostic(`${told.join(", ")}, ${wrong.length} violations`);
  assert.equal(wrong.length, 0, wrong[0]);
  assert.ok(sum.hits > 0 && sum.applied > 0, "a cache that never hits is never wrong");
});
