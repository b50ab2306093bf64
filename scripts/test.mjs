// Runs the test suites one after the other and ends with what failed and one line for all of them: "N passed, N failed".
//   node scripts/test.mjs [rust] [worker] [fuzz] [wasm] [browser] [node] [bun] [deno] [packaging]
import { spawn, spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { Failures } from "./failures.mjs";
import { at, files, root } from "./steps.mjs";

const wasmPack = (where, features) => ["wasm-pack", ["test", ...where, "--mode", "no-install", "--", ...features]];
const which = (program) => spawnSync("sh", ["-c", `command -v ${program}`], { encoding: "utf8" }).stdout.trim();
const chromedriver = which("chromedriver");
const folders = ["js", "faults", "cache", "doctor", "packaging", "ratelimit", "scripts", "workerd"].map((name) =>
  at("tests", name),
);
// Deeper folders belong to apps, whose own runners run their tests.
const nodeTests = files(...folders).filter((path) => path.endsWith(".test.mjs") && folders.includes(dirname(path)));
const nodeTest = (timeout, ...paths) => [
  process.execPath,
  ["--test", "--test-reporter=spec", `--test-timeout=${timeout}`, ...paths],
];
const workers = ["--profile", "example", "--target", "wasm32-unknown-unknown"];
const suites = {
  rust: ["cargo", ["test", "--quiet", "--locked", "--features", "client"]],
  // The examples of the crate's documentation, on the target that its users compile for.
  worker: ["cargo", ["test", "--quiet", "--doc", "--locked", ...workers, "--features", "worker"]],
  // Compiling comes first.
  fuzz: nodeTest(600_000, at("tests/fuzz/smoke.test.mjs")),
  wasm: wasmPack(["--node"], ["--locked", "--features", "js"]),
  browser: wasmPack(
    ["--headless", "--chrome", "--chromedriver", chromedriver],
    ["--locked", "--features", "browser-tests"],
  ),
  node: nodeTest(120_000, ...nodeTests),
  bun: [process.execPath, [at("tests/js/on.mjs"), "bun"]],
  deno: [process.execPath, [at("tests/js/on.mjs"), "deno"]],
  packaging: [process.execPath, [at("tests/packaging/table.mjs")]],
};

/** Built before a suite, since its tests have little time. */
const before = { node: [process.execPath, [at("scripts/worker-rs.mjs")]] };

const counters = [
  [/^(\d+) passed, (\d+) failed$/, (sum, match) => add(sum, match[1], match[2])],
  [/^test result: .* (\d+) passed; (\d+) failed/, (sum, match) => add(sum, match[1], match[2])],
  [/^\S* ?pass (\d+)$/, (sum, match) => add(sum, match[1], 0)],
  [/^\S* ?(?:fail|cancelled) (\d+)$/, (sum, match) => add(sum, 0, match[1])],
];

function add(sum, passed, failed) {
  sum.passed += Number(passed);
  sum.failed += Number(failed);
}

async function runSuite([program, args]) {
  const sum = { passed: 0, failed: 0 };
  const failures = new Failures();
  const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => resolve(signal ?? code));
  });
  for await (const line of createInterface({ input: child.stdout })) {
    console.log(line);
    failures.take(line);
    for (const [pattern, count] of counters) {
      const match = pattern.exec(line);
      if (match !== null) count(sum, match);
    }
  }
  const code = await ended;
  // A suite that did not compile counted nothing, and one that ran no test tells nothing.
  if (sum.failed === 0 && (code !== 0 || sum.passed === 0)) {
    const why = code === 0 ? "no test ran" : `${program} ended with ${code}`;
    console.log(why);
    failures.take(why);
    sum.failed = 1;
  }
  return { ...sum, told: sum.failed > 0 ? failures.told() : [] };
}

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in suites));
if (unknown.length > 0) {
  console.error(`Unknown suite ${unknown.join(", ")}; there are ${Object.keys(suites).join(", ")}.`);
  process.exit(2);
}

const total = { passed: 0, failed: 0 };
const [rows, told] = [[], []];
/** Requirements of suites that this machine lacks. */
const lacking = {
  browser: chromedriver === "" ? "no chromedriver" : undefined,
  fuzz: which("c++") === "" ? "no C++ compiler" : undefined,
};
for (const name of asked.length > 0 ? asked : Object.keys(suites)) {
  if (lacking[name] !== undefined) {
    rows.push(`${name.padEnd(8)} skipped: ${lacking[name]} on this machine`);
    continue;
  }
  console.log(`\n== ${name}`);
  const start = performance.now();
  const [program, args] = before[name] ?? ["true", []];
  const built = spawnSync(program, args, { cwd: root, stdio: "inherit" }).status === 0;
  const sum = built ? await runSuite(suites[name]) : { passed: 0, failed: 1, told: [`${args[0]} failed`] };
  add(total, sum.passed, sum.failed);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  rows.push(`${name.padEnd(8)} ${sum.passed} passed, ${sum.failed} failed (${seconds} s)`);
  if (sum.failed > 0) told.push(`== failed in ${name}`, ...sum.told, "");
}
console.log(`\n${rows.join("\n")}\n`);
for (const line of told) console.log(line);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;
