// A minute of fuzzing: what is checked in as found, and what libFuzzer makes of it. `make fuzz` goes on for longer.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { before, describe } from "node:test";
import { artifacts, binary, bounds, build, corpus, targets } from "../../scripts/fuzz.mjs";

/** The simulation has the most to be found and runs beside the others. */
const whole = Number(process.env.FUZZ_SECONDS ?? 60) * 0.9;
const seconds = (target) => Math.max(1, Math.round(target === "manager" ? whole : whole / (targets.length - 1)));

function run(program, args, options = {}) {
  const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      said = (said + chunk).slice(-100_000);
    });
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ ended: code ?? signal, said }));
  });
}

describe("fuzzing", { concurrency: 2 }, () => {
  let built;
  before(async () => {
    built = await run(...build());
  });
  for (const target of targets) {
    test(target, async (t) => {
      assert.equal(built.ended, 0, built.said);
      const found = mkdtempSync(join(tmpdir(), "edgis-fuzz-"));
      t.after(() => rmSync(found, { recursive: true, force: true }));
      mkdirSync(artifacts(target), { recursive: true });
      const options = [`-max_total_time=${seconds(target)}`, `-artifact_prefix=${artifacts(target)}`, ...bounds];
      // The same beginning each time: what is found by chance alone is for `make fuzz`.
      const args = [...options, "-seed=1", "-print_final_stats=1", found, corpus(target)];
      const { ended, said } = await run(binary(target), args);
      const story = said.split("\n").filter((line) => !/^#\d+\s+(NEW|REDUCE|pulse|RELOAD)/.test(line));
      const panic = story.findIndex((line) => line.includes("panicked"));
      const told = [...(panic < 0 ? [] : story.slice(panic, panic + 30)), "…", ...story.slice(-12)].join("\n");
      assert.equal(ended, 0, `the input is in ${artifacts(target)}\n${told}`);
      const executed = Number(/number_of_executed_units: (\d+)/.exec(said)?.[1]);
      const known = readdirSync(corpus(target)).length;
      assert.ok(known > 0 && executed > known, `${executed} inputs, of which ${known} were known`);
      t.diagnostic(`${target}: ${executed} inputs in ${seconds(target)} s, of which ${known} were known`);
    });
  }
});
