// The measured process: one client, told what to do by lines of JSON on stdin. Runs under Node and under Bun.

import { batches, closedLoops } from "./generators.mjs";
import { obey, send } from "./lines.mjs";
import { keys, values } from "./loads.mjs";
import { inFlight, retained } from "./memory.mjs";
import { countWrites } from "./writes.mjs";

const [adapter, port, hints] = process.argv.slice(2);
const writes = countWrites();
const { open } = await import(adapter);
const client = await open(Number(port), JSON.parse(hints));

/** Runs `load` for `ms` and says how it went; the clock, the CPU and the writes are those of the load alone. */
async function run({ load, ms, verify }) {
  const data = { keys: keys(load.size).slice(0, load.flight), values: values(load.size) };
  const generate = load.kind === "closed" ? closedLoops : batches;
  const step = generate(client, load, data, verify);
  const written = writes();
  const cpu = process.cpuUsage();
  const start = performance.now();
  const commands = await step(ms);
  const elapsed = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { commands, elapsed, cpu: user + system, writes: writes() - written };
}

const tasks = {
  run,
  inFlight: ({ count }) => inFlight(client, count, send),
  retained: ({ kept }) => retained(client, kept),
  close: () => client.close(),
};

await obey(tasks);
