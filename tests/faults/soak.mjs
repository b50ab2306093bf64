// A soak: a process under mixed load for a long time, calm for one half and struck by faults for the other. Its memory
// must be flat.
//   make soak              an hour
//   make soak MINUTES=5    or as long as wanted; SOAK_SEED repeats the faults
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { faultProxy, startRedis } from "edgis/testing";
import { Random, seedOf } from "./random.mjs";
import { strike } from "./strikes.mjs";

/** Samples of each half; the first of a run is warming up. */
const SAMPLES = 12;
/** Linear memory, which never shrinks. */
const LINEAR = 8 << 20;
/** What heap and buffers may grow by between the first and the last quarter: noise of the collector. */
const HEAP = 1.5e6;
const BUFFERS = 4e6;

const load = fileURLToPath(new URL("soak-load.mjs", import.meta.url));
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/**
 * Runs a soak.
 *
 * @param {object} options
 * @param {number} options.seconds
 * @param {number} [options.seed] of the faults
 * @param {(line: string) => void} options.report told of each sample and of the result
 * @returns {Promise<string[]>} what was wrong
 */
export async function soak({ seconds, seed = seedOf("SOAK_SEED"), report }) {
  const random = new Random(seed);
  const server = await startRedis({ args: ["--appendonly", "yes"] });
  const proxy = await faultProxy(server.url);
  const samples = [];
  let faults = 0;
  const env = { SOAK_URL: proxy.url, SOAK_SECONDS: seconds, SOAK_SEED: seed, SOAK_SAMPLES: 2 * SAMPLES };
  const child = spawn(process.execPath, ["--expose-gc", load], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  let striking = Promise.resolve(new Map());
  for await (const line of createInterface({ input: child.stdout })) {
    const sample = JSON.parse(line);
    samples.push(sample);
    const { heapUsed, external, memoryBytes, made, failed } = sample;
    const calm = samples.length <= SAMPLES;
    report(
      `${String(samples.length).padStart(2)}/${2 * SAMPLES} ${calm ? "calm  " : "faults"}  heap ${megabytes(heapUsed)}  ` +
        `external ${megabytes(external)}  linear ${megabytes(memoryBytes)}  calls ${made}, failed ${failed}`,
    );
    if (samples.length === SAMPLES) {
      // All is well again before the last sample is taken.
      const until = performance.now() + seconds * 500 * ((SAMPLES - 1) / SAMPLES);
      const goesOn = () => performance.now() < until;
      striking = strike({ proxy, server }, random, { goesOn, pause: 200 });
    }
  }
  const [code, signal] = await ended;
  for (const count of (await striking).values()) faults += count;
  await proxy.close();
  await server.stop();
  const wrong = code === 0 ? judge(samples) : [`the load ended with ${code ?? signal}`];
  const { made, failed, dials, bytesIn, bytesOut } = samples.at(-1) ?? {};
  report(
    `soak: ${seconds} s, seed ${seed} · ${made} calls, ${failed} failed, ${faults} faults, ${dials} dials, ` +
      `${megabytes(bytesIn)} read, ${megabytes(bytesOut)} written · ` +
      `${["heapUsed", "external", "memoryBytes"].map((name) => `${name} ${change(samples, name)}`).join(" · ")}`,
  );
  return wrong;
}

/** The first quarter after the warm-up, and the last. */
function ends(samples, name) {
  const quarter = SAMPLES >> 1;
  const of = (part) => median(part.map((sample) => sample[name]));
  return [of(samples.slice(1, 1 + quarter)), of(samples.slice(-quarter))];
}

const change = (samples, name) => ends(samples, name).map(megabytes).join(" → ");

function judge(samples) {
  const wrong = [];
  for (const [name, limit] of [
    ["heapUsed", HEAP],
    ["external", BUFFERS],
    ["arrayBuffers", BUFFERS],
  ]) {
    const [first, last] = ends(samples, name);
    if (last - first > limit) wrong.push(`${name} grew from ${megabytes(first)} to ${megabytes(last)}`);
  }
  const most = Math.max(...samples.map(({ memoryBytes }) => memoryBytes));
  if (most > LINEAR) wrong.push(`linear memory grew to ${megabytes(most)}`);
  const { pending, wrong: misread, made, failed, handles } = samples.at(-1);
  if (misread > 0) wrong.push(`${misread} replies were not what was asked for`);
  if (pending > 0) wrong.push(`${pending} calls are pending`);
  if (handles > 50) wrong.push(`${handles} handles are open`);
  if (failed > made / 2) wrong.push(`${failed} of ${made} calls failed`);
  return wrong;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const wrong = await soak({ seconds: 60 * Number(process.argv[2] ?? 60), report: console.log });
  for (const line of wrong) console.log(`NOT FLAT: ${line}`);
  process.exitCode = wrong.length === 0 ? 0 : 1;
}
