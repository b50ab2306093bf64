// The packed package in real apps: one cell after the other, two at a time, each with a row of what came of it.
//   node tests/packaging/table.mjs [words that a cell's name must contain, in any case]
import { availableParallelism } from "node:os";
import { cells as bundlers } from "./cells/bundlers.mjs";
import { cells as checks } from "./cells/checks.mjs";
import { cells as commonjs } from "./cells/commonjs.mjs";
import { cells as frameworks } from "./cells/frameworks.mjs";
import * as handlers from "./cells/handlers.mjs";
import { cells as next } from "./cells/next.mjs";
import { cells as runtimes } from "./cells/runtimes.mjs";
import { cells as workerd } from "./cells/workerd.mjs";
import { drawing } from "./drawn.mjs";

const all = [...next, ...checks, ...workerd, ...frameworks, ...handlers.cells, ...runtimes, ...commonjs, ...bundlers];

/**
 * A cell is `{ name, version(), run() }`; `impossible` in its place of `run` says why nobody can run it. One whose tools
 * are missing here is told as such, and fails where that must not be: in CI.
 */
async function take({ name, version, run, impossible }) {
  const start = performance.now();
  const row = (result, details = "") => {
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${name.padEnd(46)} ${found.padEnd(12)} ${result.padEnd(11)} ${seconds.padStart(5)} s`);
    if (details !== "") console.log(details.replaceAll(/^/gm, "    ").slice(0, 4_000));
    return result;
  };
  let found = "";
  if (impossible !== undefined) return row("impossible", impossible);
  try {
    found = version();
  } catch (error) {
    return row(process.env.CI ? "failed" : "not run", error.message);
  }
  try {
    await run();
    return row("passed");
  } catch (error) {
    return row("failed", error.message);
  }
}

const words = process.argv.slice(2).map((word) => word.toLowerCase());
const chosen = all.filter(({ name }) => words.length === 0 || words.some((word) => name.toLowerCase().includes(word)));
console.log(`frameworks: ${drawing}`);
console.log(`${"cell".padEnd(46)} ${"version".padEnd(12)} result      seconds`);
const results = [];
const waiting = [...chosen];
async function lane() {
  for (let cell = waiting.shift(); cell !== undefined; cell = waiting.shift()) results.push(await take(cell));
}
await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, lane));
await handlers.end();

const count = (result) => results.filter((one) => one === result).length;
const others = ["not run", "impossible"].filter((result) => count(result) > 0);
console.log([`${results.length} cells`, ...others.map((result) => `${count(result)} ${result}`)].join(", "));
console.log(`${count("passed")} passed, ${count("failed")} failed`);
process.exitCode = count("failed") === 0 && count("passed") > 0 ? 0 : 1;
