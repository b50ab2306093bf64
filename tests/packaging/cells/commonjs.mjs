// What loads the package by require(), each with a real Redis: Jest as it is without a configuration, ts-jest, and an app on
// Nest that is compiled to CommonJS.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { startRedis } from "edgis/testing";
import { commandLine } from "../../js/runtimes.mjs";
import { environment, installed, linkPackages, npmApp, runProgram, versionOf } from "../app.mjs";

const apps = new Map();
/** An app of CommonJS with Jest, TypeScript and Nest in its node_modules. */
function appOf(source) {
  if (!apps.has(source)) apps.set(source, makeApp(source));
  return apps.get(source);
}

async function makeApp(source) {
  const folder = await npmApp(source, source, "commonjs");
  linkPackages(folder, installed("commonjs", "node_modules"));
  return folder;
}

const vmModules = ["--experimental-vm-modules", "--no-warnings"];

/** Runs the tests of one file, which must all pass; and the process ends by itself, as no test is forced to. */
async function jest(folder, file, count, { node = [process.execPath], config = {} } = {}) {
  const results = `${file}.json`;
  const told = ["--config", JSON.stringify(config), "--json", "--outputFile", results, "--ci", "--runInBand"];
  const { stderr } = await runProgram([...node, "node_modules/jest/bin/jest.js", file, ...told], { cwd: folder });
  const { numPassedTests, numTotalTests } = JSON.parse(readFileSync(join(folder, results), "utf8"));
  assert.deepEqual([numPassedTests, numTotalTests], [count, count], stderr);
  assert.doesNotMatch(stderr, /did not exit|open handle/, stderr);
}

const byTsJest = (tsconfig) => ({
  transform: { "^.+\\.ts$": ["ts-jest", { tsconfig }] },
  testRegex: "\\.(?:test|spec)\\.ts$",
});
const strict = {
  module: "commonjs",
  target: "es2022",
  strict: true,
  exactOptionalPropertyTypes: true,
  types: ["node", "jest"],
  esModuleInterop: true,
  // The resolution of old compilers, which knows no "exports".
  moduleResolution: "node10",
  ignoreDeprecations: "6.0",
};

/** The app as it is deployed: compiled, started, asked over HTTP, ended by a signal. */
async function served() {
  const folder = await appOf("nest");
  await runProgram([process.execPath, "node_modules/typescript/lib/tsc.js", "-p", "."], { cwd: folder });
  assert.match(readFileSync(join(folder, "dist/redis.module.js"), "utf8"), /require\("edgis"\)/);
  const redis = await startRedis();
  const env = environment({ REDIS_URL: redis.url });
  const child = spawn(process.execPath, ["dist/main.js"], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  let complaints = "";
  child.stderr.on("data", (chunk) => {
    complaints += chunk;
  });
  const ended = once(child, "close");
  try {
    let url;
    for await (const line of createInterface({ input: child.stdout })) {
      url = /http:\S+/.exec(line)?.[0];
      if (url !== undefined) break;
    }
    assert.ok(url !== undefined, complaints);
    const headers = { "content-type": "application/json" };
    const put = await fetch(`${url}/values/k`, { method: "PUT", headers, body: JSON.stringify({ value: "grüße" }) });
    assert.deepEqual(await put.json(), { stored: true });
    const get = async () => (await fetch(`${url}/values/k`)).json();
    assert.deepEqual(await get(), { value: "grüße" });
    await redis.kill();
    const { value, kind } = await get();
    assert.equal(value, null);
    assert.ok(["DisabledError", "ConnectionLostError"].includes(kind), kind);
    child.kill("SIGTERM");
    const [code, signal] = await ended;
    // Nest ends the process by the signal once all has been closed.
    assert.ok(code === 0 || signal === "SIGTERM", `${code ?? signal}`);
    assert.equal(complaints, "");
  } finally {
    child.kill("SIGKILL");
    await redis.stop();
  }
}

const cell = (name, tool, run) => ({ name, version: () => versionOf("commonjs", tool), run });

export const cells = [
  cell("Jest, require", "jest", async () => jest(await appOf("jest"), "required.test.js", 7)),
  cell("Jest, fake timers from the beginning", "jest", async () => {
    const config = { fakeTimers: { enableGlobally: true } };
    await jest(await appOf("jest"), "required.test.js", 7, { config });
  }),
  cell("Jest, ES modules", "jest", async () => {
    const config = { testMatch: ["**/*.test.mjs"], transform: {} };
    await jest(await appOf("jest"), "imported.test.mjs", 1, { node: [process.execPath, ...vmModules], config });
  }),
  cell("Jest, jsdom", "jest-environment-jsdom", async () => {
    const folder = await appOf("jest");
    const config = { testEnvironment: "jsdom" };
    await jest(folder, "jsdom.test.js", 1, { config });
    // Node's entry all the same, as the hint says.
    const asked = { ...config, testEnvironmentOptions: { customExportConditions: ["node"] } };
    await jest(folder, "required.test.js", 7, { config: asked });
  }),
  cell("ts-jest, CommonJS", "ts-jest", async () =>
    jest(await appOf("jest"), "typed.test.ts", 2, { config: byTsJest(strict) }),
  ),
  cell("Nest, ts-jest", "@nestjs/core", async () => {
    // Nest is an ES module itself, which Jest can require() only on newer versions of Node.
    const node = [...commandLine("node-24"), ...vmModules];
    await jest(await appOf("nest"), "app.spec.ts", 1, { node, config: byTsJest("tsconfig.json") });
  }),
  cell("Nest, compiled to CommonJS", "@nestjs/core", served),
];
