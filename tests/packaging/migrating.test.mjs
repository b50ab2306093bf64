// The guides for those who come from ioredis and node-redis: the code on the other client's side runs as it stands there.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "node:test";
import { startRedis } from "edgis/testing";
import { linesOf, promisedBy, read, snippetsOf } from "../js/snippets.mjs";
import { installOthers, others, run } from "./copies.mjs";

const guides = { ioredis: "docs/migrating-from-ioredis.md", "node-redis": "docs/migrating-from-node-redis.md" };

for (const [kind, guide] of Object.entries(guides)) {
  test(`${guide}: snippets for ${kind} print what they promise`, async (t) => {
    installOthers();
    const folder = mkdtempSync(join(dirname(others), "migrating-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const snippets = snippetsOf(read(guide)).filter((snippet) => snippet.kind === kind);
    assert.ok(snippets.length >= 4, "the guide has lost snippets");
    for (const [index, { code }] of snippets.entries()) {
      // A server for each: they count on keys that are not there.
      const redis = await startRedis();
      try {
        const file = join(folder, `${index}.mjs`);
        writeFileSync(file, code);
        const { good, text } = await run(process.execPath, [file], folder, { REDIS_URL: redis.url });
        assert.ok(good, text);
        assert.deepEqual(linesOf(text), promisedBy(code));
      } finally {
        await redis.stop();
      }
    }
  });
}
