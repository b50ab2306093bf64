// The Workers of the README, as they stand there.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { startRedis } from "edgis/testing";
import { observe } from "../js/observer.mjs";
import { generations, startWorker } from "./worker.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const workers = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/```js worker\n([\s\S]*?)```/g)];
assert.equal(workers.length, 3, "the README has lost a worker");

// They import their bindings, which the oldest has not.
for (const generation of generations.filter((name) => name !== "oldest")) {
  for (const [index, [, text]] of workers.entries()) {
    test(`${generation}: worker ${index + 1} of the README answers`, async (t) => {
      const redis = await startRedis();
      t.after(() => redis.stop());
      const folder = mkdtempSync(join(root, "target/readme-"));
      t.after(() => rmSync(folder, { recursive: true }));
      // One is a class alone, in place of that of another.
      const own = text.slice(text.indexOf("export class"));
      const code = text.includes("export default") ? text : workers[1][1].replace(/export class.*\n/, () => own);
      writeFileSync(join(folder, "worker.mjs"), code);
      const { miniflare } = await startWorker(t, {
        generation,
        url: redis.url,
        source: relative(root, join(folder, "worker.mjs")),
        durableObjects: code.includes("class Redis") ? { REDIS: "Redis" } : {},
        bindings: { REDIS_URL: redis.url, UPSTREAM: redis.url },
      });
      const observer = await observe(redis);
      await observer.ask("SET", "greeting", "hello");
      assert.equal(await (await miniflare.dispatchFetch("http://worker/")).text(), "hello");
    });
  }
}
