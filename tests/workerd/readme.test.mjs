// The Workers of docs/workers.md, as they stand there.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import test from "node:test";
import { startRedis } from "edgis/testing";
import { observe } from "../js/observer.mjs";
import { read, root, snippetsOf } from "../js/snippets.mjs";
import { generations, startWorker } from "./worker.mjs";

const workers = snippetsOf(read("docs/workers.md")).filter(({ kind }) => kind === "worker");
assert.equal(workers.length, 3, "the guide has lost a worker");

// They import their bindings, which the oldest has not.
for (const generation of generations.filter((name) => name !== "oldest")) {
  for (const [index, { code: text }] of workers.entries()) {
    test(`${generation}: worker ${index + 1} of the guide answers`, async (t) => {
      const redis = await startRedis();
      t.after(() => redis.stop());
      const folder = mkdtempSync(join(root, "target/readme-"));
      t.after(() => rmSync(folder, { recursive: true }));
      // One is a class alone, in place of that of another.
      const own = text.slice(text.indexOf("export class"));
      const code = text.includes("export default") ? text : workers[1].code.replace(/export class.*\n/, () => own);
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
