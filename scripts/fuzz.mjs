// Fuzzes the core: compiles the targets of tests/fuzz with the coverage that libFuzzer wants, and runs them.
//   node scripts/fuzz.mjs [TARGET]... [--seconds=60]   each so long, with cargo-fuzz, from what was found before
//   node scripts/fuzz.mjs [TARGET]... --merge          renews the corpora that are checked in from what was found
// Inputs that crash are left in target/fuzz/artifacts; add them to tests/fuzz/corpus with the fix.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { at } from "./steps.mjs";

export const targets = ["manager", "split", "limits", "arguments", "url"];

/** Inputs that are found, and those that crash: outside of the sources. */
const work = at("target/fuzz");
const host = () => /host: (.*)/.exec(spawnSync("rustc", ["-vV"], { encoding: "utf8" }).stdout)[1];
export const binary = (target) => join(work, host(), "release", target);
export const corpus = (target) => at("tests/fuzz/corpus", target);
export const artifacts = (target) => `${join(work, "artifacts", target)}/`;

// Those of cargo-fuzz, in its order, so that both share what they compile. All are stable: no nightly is needed.
const flags = [
  "-Cpasses=sancov-module",
  "-Cllvm-args=-sanitizer-coverage-level=4",
  "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
  "-Cllvm-args=-sanitizer-coverage-pc-table",
  "-Cllvm-args=-sanitizer-coverage-trace-compares",
  "--cfg fuzzing",
  "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
  ...(process.platform === "linux" ? ["-Cllvm-args=-sanitizer-coverage-stack-depth"] : []),
  "-Cdebug-assertions",
  "-Ccodegen-units=1",
];

/** The command that compiles all targets, without cargo-fuzz. */
export const build = () => [
  "cargo",
  ["build", "--quiet", "--release", "--locked", "--target", host(), "--target-dir", work],
  { cwd: at("tests/fuzz"), env: { ...process.env, RUSTFLAGS: flags.join(" ") } },
];

/** Limits of a run: no target needs much memory, or long for an input. */
export const bounds = ["-rss_limit_mb=512", "-timeout=10"];

function ended({ status, error }) {
  if (status === 0) return;
  if (error !== undefined) console.error(error.message);
  process.exit(1);
}

function fuzz(target, seconds) {
  const found = join(work, "corpus", target);
  for (const folder of [found, artifacts(target)]) mkdirSync(folder, { recursive: true });
  const cargoFuzz = ["fuzz", "run", "--fuzz-dir", "tests/fuzz", "--sanitizer", "none", "--target-dir", work, target];
  const options = [`-max_total_time=${seconds}`, `-artifact_prefix=${artifacts(target)}`, ...bounds];
  ended(spawnSync("cargo", [...cargoFuzz, found, corpus(target), "--", ...options], { cwd: at(), stdio: "inherit" }));
}

/** Keeps the fewest inputs that reach what all of them reach. */
function merge(target) {
  const kept = mkdtempSync(join(tmpdir(), "edgis-corpus-"));
  const sources = [corpus(target), join(work, "corpus", target)];
  for (const folder of sources) mkdirSync(folder, { recursive: true });
  const before = readdirSync(corpus(target)).filter((name) => !/^[0-9a-f]{40}$/.test(name));
  const options = ["-set_cover_merge=1", "-use_counters=0", "-use_cmp=0", "-max_len=160"];
  ended(spawnSync(binary(target), [...options, kept, ...sources], { stdio: "inherit" }));
  // Those that have a name of their own found a bug once.
  for (const name of before) renameSync(join(corpus(target), name), join(kept, name));
  rmSync(corpus(target), { recursive: true });
  cpSync(kept, corpus(target), { recursive: true });
  rmSync(kept, { recursive: true });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const options = process.argv.slice(2);
  const named = options.filter((option) => !option.startsWith("--"));
  const unknown = named.find((name) => !targets.includes(name));
  if (unknown !== undefined) {
    console.error(`There is no target ${unknown}; there are ${targets.join(", ")}.`);
    process.exit(2);
  }
  const seconds = options.find((option) => option.startsWith("--seconds="))?.slice("--seconds=".length) ?? "60";
  const merges = options.includes("--merge");
  if (merges) ended(spawnSync(...build().with(2, { ...build()[2], stdio: "inherit" })));
  for (const target of named.length > 0 ? named : targets) merges ? merge(target) : fuzz(target, seconds);
}
