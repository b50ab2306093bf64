// A short form of `make soak`.
import assert from "node:assert/strict";
import test from "node:test";
import { soak } from "./soak.mjs";

test("memory is flat under half a minute of mixed load, calm and under faults", async (t) => {
  const wrong = await soak({ seconds: 30, report: (line) => t.diagnostic(line) });
  assert.deepEqual(wrong, []);
});
