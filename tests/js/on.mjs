// Runs the tests of this folder on another runtime: node tests/js/on.mjs bun|deno [words of file names]
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));
const [runtime, ...words] = process.argv.slice(2);
const { command, counts } = await import(`./on-${runtime}.mjs`);

const LIMIT = 180_000;
/** What is of Node alone, and why. */
const ofNode = {
  "cork.test.mjs": "it takes sources, and the bundler for that is Node's",
  "demo.test.mjs": "the demo is a program for Node, with bounds on its time",
  "fake-timers.test.mjs": "mock timers are node:test's",
  "grammar.test.mjs": "it takes sources, and the bundler for that is Node's",
  "insist.test.mjs": "it takes sources, and the bundler for that is Node's",
  "memory.test.mjs": "it takes sources, and the bundler for that is Node's",
  "near.test.mjs": "it takes sources, and the bundler for that is Node's",
  "own-faults.test.mjs": "it names what Node says of its own limits and files; others say it in other words",
  "readme.test.mjs": "the README shows what Node's console prints",
  "via.test.mjs": "it takes sources, and the bundler for that is Node's",
};
const files = readdirSync(folder)
  .filter((name) => name.endsWith(".test.mjs"))
  .filter((name) => words.length === 0 || words.some((word) => name.includes(word)));

/** One file in a process of its own; shows what it said unless all is well. */
async function take(name) {
  const start = performance.now();
  const [program, ...args] = command(join(folder, name));
  const env = { ...process.env, NO_COLOR: "1", EDGIS_TEST_FILE: join(folder, name) };
  const child = spawn(program, args, { cwd: join(folder, "../.."), env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      said += chunk;
    });
  }
  const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT);
  const code = await new Promise((resolve) => child.once("close", (status, signal) => resolve(signal ?? status)));
  clearTimeout(timer);
  const found = Object.fromEntries(Object.entries(counts).map(([key, at]) => [key, Number(at.exec(said)?.[1] ?? 0)]));
  // One that broke off counted nothing.
  if (found.failed === 0 && (code !== 0 || found.passed === 0)) found.failed = 1;
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const skipped = found.skipped > 0 ? `, ${found.skipped} do not apply` : "";
  console.log(`${name.padEnd(28)} ${found.passed} passed, ${found.failed} failed${skipped} (${seconds} s)`);
  if (found.failed > 0) console.log(`ended with ${code}\n${said.replaceAll(/^(.{300}).*/gm, "$1")}`);
  return found;
}

const sum = { passed: 0, failed: 0, skipped: 0 };
for (const name of files) if (name in ofNode) console.log(`${name.padEnd(28)} does not apply: ${ofNode[name]}`);
const waiting = files.filter((name) => !(name in ofNode));
async function lane() {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    const found = await take(name);
    for (const key of Object.keys(sum)) sum[key] += found[key] ?? 0;
  }
}
await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, lane));
console.log(`${sum.passed} passed, ${sum.failed} failed`);
process.exitCode = sum.failed === 0 && sum.passed > 0 ? 0 : 1;
