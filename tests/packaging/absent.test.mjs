// Where there is no TCP the package can be imported all the same, and says what to do at first use.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import test from "node:test";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** An app as its bundle for such a runtime. */
async function bundled(options) {
  const contents = `
    import { createClient, DisabledError, isRedisError } from "edgis";
    const lines = [];
    const logger = { info() {}, warn: (line) => lines.push(line) };
    const redis = createClient({ url: "redis://127.0.0.1:6379", logger });
    async function answer() {
      const before = lines.length;
      const status = await redis.init();
      const view = redis.with({ timeout: "1s" }).bytes.on("state", () => {});
      const error = await view.get("k").catch((caught) => caught);
      redis.set("fire", "and forget");
      await redis.hset("h", { a: 1 }).catch(() => {});
      const { message } = await redis.ready().catch((caught) => caught);
      const { isReady, isOpen } = await redis.connect();
      await redis.close();
      const known = error instanceof DisabledError && isRedisError(error);
      const { code, reason, sent, command } = error;
      return { before, lines, status, known, code, reason, sent, command, message, isReady, isOpen, after: redis.status().state };
    }
    globalThis.answer = answer;`;
  const { outputFiles } = await esbuild.build({
    stdin: { contents, resolveDir: root },
    bundle: true,
    write: false,
    format: "iife",
    target: "es2022",
    logLevel: "warning",
    ...options,
  });
  return outputFiles[0].text;
}

function check({ before, lines, status, ...told }, message, hint) {
  assert.equal(before, 0);
  assert.equal(lines.length, 1, lines.join("\n"));
  assert.match(lines[0], /disabled \(no-tcp\)/);
  assert.deepEqual([status.state, status.reason, status.retryable], ["disabled", "no-tcp", false]);
  assert.match(status.message, message);
  assert.match(status.hint, hint);
  assert.match(told.message, hint);
  delete told.message;
  assert.deepEqual(told, {
    known: true,
    code: "EDGIS_DISABLED",
    reason: "no-tcp",
    sent: "no",
    command: "GET",
    isReady: false,
    isOpen: false,
    after: "closed",
  });
}

test("a bundle for browsers holds no core, loads and says what to do", async () => {
  const code = await bundled({ platform: "browser", minify: true });
  assert.ok(!/WebAssembly/.test(code) && code.length < 12_000, `${code.length} characters`);
  // Nothing of Node is there.
  const answer = new Function("process", "Buffer", "globalThis", `${code}; return globalThis.answer();`);
  check(await answer(undefined, undefined, {}), /browsers open no TCP/, /code that runs on a server/);
});

test("on Next.js's edge runtime it loads and says what to do", async () => {
  const modules = `${root}/target/setup/npm/next/node_modules`;
  assert.ok(existsSync(modules), "Next.js is not installed: scripts/setup.sh apps");
  const { EdgeRuntime } = createRequire(`${modules}/x.js`)("next/dist/compiled/edge-runtime");
  const runtime = new EdgeRuntime({ initialCode: await bundled({ conditions: ["edge-light"], platform: "neutral" }) });
  const told = await runtime.evaluate("answer().then(JSON.stringify)");
  check(JSON.parse(told), /this edge runtime opens no TCP/, /run this code on Node/);
});
