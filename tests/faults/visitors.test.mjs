// The ledger of visitors: targets that come and go on several servers, ticks beyond what a segment and a link take, calls
// that are given up and handles that are closed in the tick of their calls, among faults. LEDGER_SEED repeats a run,
// LEDGER_SECONDS makes it shorter or longer.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { seedOf } from "./random.mjs";

const SECONDS = Number(process.env.LEDGER_SECONDS ?? 30);
const seed = seedOf("LEDGER_SEED");
const program = fileURLToPath(new URL("visitors.program.mjs", import.meta.url));
const limit = SECONDS * 2_000 + 60_000;

test(`the ledger of visitors, ${SECONDS} s of faults (LEDGER_SEED=${seed})`, { timeout: limit }, async (t) => {
  const { NODE_TEST_CONTEXT, REDIS_URL, REDIS_URI, ...env } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, [program, seed, SECONDS], { env, timeout: limit });
  const { violations, failures, ...figures } = JSON.parse(stdout.trim().split("\n").at(-1));
  const told = Object.entries({ seed, ...figures, ...failures })
    .map(([name, value]) => `${name} ${typeof value === "number" ? Math.round(value) : value}`)
    .join(" · ");
  t.diagnostic(`ledger: ${told}`);
  assert.equal(violations.length, 0, `LEDGER_SEED=${seed}\n${violations.join("\n")}\n${told}`);
  assert.ok(figures.faults >= SECONDS, `not ${SECONDS} faults; ${told}`);
  assert.ok(figures.answered > figures.calls / 20, `it was away most of the time; ${told}`);
});
