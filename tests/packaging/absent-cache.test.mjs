// Where there is no TCP a module that makes a cache can be imported all the same: the build of an app does that.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import test from "node:test";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));

const app = `
  import { createClient } from "edgis";
  import { createCache } from "edgis/cache";
  const client = createClient({ logger: false });
  const caches = [{}, { l1: true }].map((more) => createCache({ client, namespace: "app", ttl: "1m", ...more }));
  globalThis.answer = async () => {
    const told = [];
    for (const cache of caches) {
      const loaded = [await cache.getOrSet("k", async () => 1), await cache.getOrSet("k", async () => 2)];
      const got = (await cache.get("k")) ?? null;
      const { outcome } = await cache.delete("k");
      const set = await cache.set("k", 3).then(() => "set", (error) => error.code);
      told.push({ loaded, got, outcome, set, disabled: cache.stats().fallbacks.disabled });
    }
    return told;
  };`;

async function bundled(options) {
  const { outputFiles } = await esbuild.build({
    stdin: { contents: app, resolveDir: root },
    bundle: true,
    write: false,
    format: "iife",
    target: "es2022",
    logLevel: "warning",
    ...options,
  });
  return outputFiles[0].text;
}

/** A cache loads what it is asked for and keeps nothing. */
function check(told) {
  for (const { disabled, ...one } of told) {
    assert.deepEqual(one, { loaded: [1, 2], got: null, outcome: "dropped", set: "set" });
    assert.ok(disabled >= 2, `${disabled} fallbacks`);
  }
}

test("a cache in a bundle for browsers", async () => {
  const code = await bundled({ platform: "browser" });
  check(await new Function("process", "globalThis", `${code}; return globalThis.answer();`)(undefined, {}));
});

test("a cache on Next.js's edge runtime", async () => {
  const modules = `${root}/target/setup/npm/next/node_modules`;
  assert.ok(existsSync(modules), "Next.js is not installed: scripts/setup.sh apps");
  const { EdgeRuntime } = createRequire(`${modules}/x.js`)("next/dist/compiled/edge-runtime");
  const initialCode = await bundled({ conditions: ["edge-light"], platform: "neutral" });
  check(JSON.parse(await new EdgeRuntime({ initialCode }).evaluate("answer().then(JSON.stringify)")));
});
