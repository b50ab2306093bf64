// Where there is no TCP the package can be imported all the same, and says what to do at first use.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import { installed, newFolder, runProgram } from "./app.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

const app = `
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

/** The app as its bundle for such a runtime. */
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

/** Runs a bundle where nothing of Node is there. */
const played = (code) => new Function("process", "Buffer", "globalThis", `${code}; return globalThis.answer();`);

test("a bundle for browsers holds no core, loads and says what to do", async () => {
  const code = await bundled({ platform: "browser", minify: true });
  assert.ok(!/WebAssembly/.test(code) && code.length < 12_000, `${code.length} characters`);
  check(await played(code)(undefined, undefined, {}), /browsers open no TCP/, /code that runs on a server/);
});

const unknown = [/no TCP connections in a way that edgis knows/, /on Node, Bun or Deno/];

test("a bundle for no runtime in particular looks for one when it is loaded", async () => {
  const code = await bundled({ platform: "neutral" });
  check(await played(code)(undefined, undefined, {}), ...unknown);
});

test("so do a bundle of Parcel as it is without a configuration, and what require() gives", async () => {
  const folder = newFolder();
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(realpathSync(join(root, "node_modules/edgis")), join(folder, "node_modules/edgis"));
  writeFileSync(join(folder, "package.json"), "{}");
  writeFileSync(join(folder, "app.js"), app);
  const parcel = installed("bundlers", "node_modules/parcel/lib/bin.js");
  await runProgram([process.execPath, parcel, "build", "app.js", "--no-cache", "--no-source-maps"], { cwd: folder });
  check(await played(readFileSync(join(folder, "dist/app.js"), "utf8"))(undefined, undefined, {}), ...unknown);
  assert.equal(readFileSync(join(folder, "package.json"), "utf8"), "{}", "Parcel installed stand-ins for Node");

  const required = readFileSync(join(folder, "node_modules/edgis/dist/any.cjs"), "utf8");
  const edgis = new Function("process", "Buffer", "globalThis", "module", `${required}; return module.exports;`);
  const { createClient } = edgis(undefined, undefined, { TextDecoder, TextEncoder }, {});
  assert.equal((await createClient({ logger: false }).init()).reason, "no-tcp");
});

test("on Next.js's edge runtime it loads and says what to do", async () => {
  const modules = `${root}/target/setup/npm/next/node_modules`;
  assert.ok(existsSync(modules), "Next.js is not installed: scripts/setup.sh apps");
  const { EdgeRuntime } = createRequire(`${modules}/x.js`)("next/dist/compiled/edge-runtime");
  const runtime = new EdgeRuntime({ initialCode: await bundled({ conditions: ["edge-light"], platform: "neutral" }) });
  const told = await runtime.evaluate("answer().then(JSON.stringify)");
  check(JSON.parse(told), /this edge runtime opens no TCP/, /run this code on Node/);
});
