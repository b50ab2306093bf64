// Every JavaScript snippet of the README runs against a real Redis and prints what its comments say.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startRedis } from "edgis/testing";

const root = fileURLToPath(new URL("../..", import.meta.url));
const snippets = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/```js\n([\s\S]*?)```/g)].map(
  ([, text]) => text,
);
// Below the repository, so that "edgis" is found as a user's program finds it.
const folder = mkdtempSync(join(root, "target/readme-"));
let redis;

before(async () => {
  redis = await startRedis();
});
after(async () => {
  await redis.stop();
  rmSync(folder, { recursive: true });
});

/** The comments behind `console.log(…);`, in order. */
const promised = (text) => [...text.matchAll(/console\.log\(.*\); \/\/ (.*)/g)].map(([, line]) => line);

assert.ok(snippets.length >= 3, "the README has lost its snippets");
for (const [index, text] of snippets.entries()) {
  test(`README snippet ${index + 1} prints what it promises`, async () => {
    const file = join(folder, `snippet-${index}.mjs`);
    writeFileSync(file, text);
    const env = { ...process.env, REDIS_URL: redis.url };
    const { stdout } = await promisify(execFile)(process.execPath, [file], { env, timeout: 20_000 });
    const lines = stdout.split("\n").filter((line) => line !== "" && !line.startsWith("[edgis]"));
    assert.deepEqual(lines, promised(text));
  });
}
