// What `make demo` runs, with a Redis and without.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const demo = fileURLToPath(new URL("../../examples/cold-start-incident/demo.mjs", import.meta.url));

async function play(environment) {
  const start = performance.now();
  const child = spawn(process.execPath, [demo], { env: { ...process.env, ...environment } });
  const ended = new Promise((resolve) => child.on("close", resolve));
  const [out, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { out, errors, code, seconds: (performance.now() - start) / 1000 };
}

/** What a line of the closing table says was measured. */
const measured = (out, what) => new RegExp(`${what} {3,}.*? {3,}(.*?) {3,}ok`).exec(out)?.[1];

test("the demo plays the cold-start incident to its good end", async () => {
  const { out, errors, code, seconds } = await play({});
  assert.equal(code, 0, out + errors);
  assert.equal(errors, "");
  assert.equal(measured(out, "connections opened \\(dials\\)"), "1", out);
  assert.equal(measured(out, "copies that joined it"), "99", out);
  assert.equal(measured(out, "unhandled rejections"), "0", out);
  assert.match(out, /log: \[edgis\] disabled \(refused\)[\s\S]*log: \[edgis\] ready/);
  assert.ok(seconds < 30, `${seconds} s`);
});

test("without a redis-server it says so and plays what it can", async () => {
  const { out, code } = await play({ EDGIS_REDIS_SERVER: "none" });
  assert.equal(code, 0, out);
  assert.match(out, /There is no redis-server on this machine/);
  assert.match(out, /\(b\)/);
  assert.doesNotMatch(out, /\([ac]\)/);
});
