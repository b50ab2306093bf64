// Processes whose clocks differ by hours share a limit, and together get what it says.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startRedis } from "edgis/testing";

const program = fileURLToPath(new URL("contender.program.mjs", import.meta.url));
const HOUR = 3_600_000;

async function contend(url, options, milliseconds, processes) {
  const ran = Array.from({ length: processes }, async (_, index) => {
    const args = [program, url, JSON.stringify(options), `${milliseconds}`, `${((index % 3) - 1) * HOUR}`];
    return JSON.parse((await promisify(execFile)(process.execPath, args)).stdout);
  });
  const start = performance.now();
  const all = await Promise.all(ran);
  return {
    seconds: (performance.now() - start) / 1000,
    allowed: all.reduce((sum, { allowed }) => sum + allowed, 0),
    others: all.reduce((sum, { others }) => sum + others, 0),
  };
}

for (const algorithm of ["fixed", "sliding", "bucket"]) {
  test(`${algorithm}: eight processes, one limit`, async (t) => {
    const server = await startRedis();
    t.after(() => server.stop());
    // Long against how far apart processes begin: what is used up is used up for all.
    const options = { name: algorithm, algorithm, limit: 300, window: "1h", timeout: "20s" };
    const { allowed, others } = await contend(server.url, options, 1500, 8);
    assert.equal(others, 0, "decided without Redis");
    const refilled = algorithm === "bucket" ? (300 / 3600) * 60 : 0;
    assert.ok(allowed >= 300 && allowed <= 300 + refilled, `${allowed} of 300`);
  });
}

test("bucket: over time as many as flow in", async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const options = { name: "flow", algorithm: "bucket", limit: 100, window: "1s", burst: 20, timeout: "20s" };
  const { allowed, seconds, others } = await contend(server.url, options, 3000, 4);
  assert.equal(others, 0, "decided without Redis");
  assert.ok(allowed <= 20 + 100 * seconds && allowed >= 200, `${allowed} in ${seconds} s`);
});
