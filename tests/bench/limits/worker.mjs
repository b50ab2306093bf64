// The measured process: one limiter, told what to do by lines of JSON on stdin.
import { obey } from "../lines.mjs";

const [adapter, port, hints] = process.argv.slice(2);
const { open } = await import(adapter);
const limits = await open(Number(port), JSON.parse(hints));

const KEYS = 10_000;

/** `flight` calls at once, then the next: of keys that differ, or of the same one, which has used up its limit or not. */
async function run({ load: { kind, flight }, ms, verify }) {
  const denied = kind === "denied";
  if (verify && denied) await limits.take("hot");
  const cpu = process.cpuUsage();
  const start = performance.now();
  let commands = 0;
  do {
    const calls = new Array(flight);
    for (let i = 0; i < flight; i++)
      calls[i] = limits.take(kind === "distinct" ? `key ${(commands + i) % KEYS}` : "hot");
    for (const allowed of await Promise.all(calls)) if (allowed === denied) throw new Error(`allowed: ${allowed}`);
    commands += flight;
  } while (performance.now() - start < ms);
  const elapsed = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { commands, elapsed, cpu: user + system, writes: 0 };
}

await obey({ run, close: () => limits.close() });
