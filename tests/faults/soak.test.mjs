// A short form of `make soak`.
import assert from "node:assert/strict";
import test from "node:test";
import { seedOf } from "./random.mjs";
import { soak } from "./soak.mjs";

const seed = seedOf("SOAK_SEED");

test(`memory is flat under a minute of mixed load, calm and under faults (SOAK_SEED=${seed})`, async (t) => {
  const wrong = await soak({ seconds: 60, seed, report: (line) => t.diagnostic(line) });
  assert.deepEqual(wrong, []);
});
