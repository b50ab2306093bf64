// Next.js: one app with the package in every kind of module, built without Redis by each of its bundlers, then served.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort, startRedis } from "edgis/testing";
import { observe } from "../../js/observer.mjs";
import { read, snippetsOf } from "../../js/snippets.mjs";
import { environment, installed, newFolder, runProgram, tarball, versionOf } from "../app.mjs";

const execute = promisify(execFile);
const settings = { NEXT_TELEMETRY_DISABLED: "1" };
const LIMIT = 240_000;

async function app() {
  const folder = newFolder("next");
  // Links of the files instead of copies, where the file system lets them be: Next wants them inside of the app.
  const modules = installed("next", "node_modules");
  await execute("cp", ["-Rl", modules, folder]).catch(() => execute("cp", ["-R", modules, folder]));
  const quiet = ["--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"];
  await runProgram(["npm", "install", ...quiet, tarball], { cwd: folder });
  // The files of the guide stand beside those of the tests.
  for (const { where, code } of snippetsOf(read("docs/nextjs.md")).filter(({ kind }) => kind === "next")) {
    assert.ok(!existsSync(join(folder, where)), where);
    mkdirSync(join(folder, dirname(where)), { recursive: true });
    writeFileSync(join(folder, where), code);
  }
  return folder;
}

const next = (...args) => [process.execPath, "node_modules/next/dist/bin/next", ...args];

/** Builds the app with nothing listening where Redis should be. */
async function build(bundler) {
  const folder = await app();
  const notes = join(folder, "notes.txt");
  writeFileSync(notes, "");
  const env = { ...settings, NOTES: notes, REDIS_URL: `redis://127.0.0.1:${await freePort()}` };
  const { stdout, stderr } = await runProgram(next("build", `--${bundler}`), { cwd: folder, env, limit: LIMIT });
  const said = stdout + stderr;
  assert.ok(!/next-prerender|unhandled|Error:/i.test(said), said);
  const asked = readFileSync(notes, "utf8").trim().split("\n");
  const who = new Set(asked.map((line) => line.split(" ")[0]));
  for (const page of ["plain", "cached"]) assert.ok(who.has(page), `${page} was not prerendered:\n${said}`);
  // What the build waited for, all in all: other differences between two builds are larger than this.
  const waited = asked.reduce((sum, line) => sum + Number(line.split(" ")[1]), 0);
  assert.ok(waited < 1_000, `the build waited ${waited} ms for Redis`);
  return folder;
}

const builds = new Map();
function built(bundler) {
  if (!builds.has(bundler)) builds.set(bundler, build(bundler));
  return builds.get(bundler);
}

/** What `next build` leaves for a container: a server with what it needs of node_modules. */
async function standalone(bundler) {
  const folder = await built(bundler);
  const alone = newFolder();
  cpSync(join(folder, ".next/standalone"), alone, { recursive: true });
  cpSync(join(folder, ".next/static"), join(alone, ".next/static"), { recursive: true });
  assert.ok(existsSync(join(alone, "server.js")));
  return alone;
}

async function serve(command, folder) {
  const redis = await startRedis();
  const observer = await observe(redis);
  const port = await freePort();
  const env = environment({ ...settings, REDIS_URL: redis.url, PORT: String(port), HOSTNAME: "127.0.0.1" });
  const [program, ...args] = command(port);
  const child = spawn(program, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      said += chunk;
    });
  }
  const ended = new Promise((resolve) => child.once("close", (code, signal) => resolve(signal ?? code)));
  try {
    await until(() => /Ready in/.test(said), "the server is ready");
    await visit(new Site(`http://127.0.0.1:${port}`), redis, observer);
    child.kill("SIGTERM");
    const code = await Promise.race([ended, sleep(10_000, "no end", { ref: false })]);
    assert.ok([0, "SIGTERM", 143].includes(code), `it ended with ${code}`);
    assert.ok(!/unhandled|uncaught|⨯/i.test(said), "it complained");
  } catch (error) {
    throw new Error(`${error.message}\n${said}`);
  } finally {
    child.kill("SIGKILL");
    observer.close();
    await redis.stop();
  }
}

class Site {
  constructor(origin) {
    this.origin = origin;
  }

  async fetch(path, options) {
    const response = await fetch(this.origin + path, options);
    const text = await response.text();
    assert.equal(response.status, 200, `${path}: ${response.status} ${text.slice(0, 300)}`);
    return { text, headers: response.headers };
  }

  async json(path, options) {
    return JSON.parse((await this.fetch(path, options)).text);
  }

  /** Sends the form as a browser does that runs no JavaScript. */
  async send(path, fields) {
    const { text } = await this.fetch(path);
    const form = new FormData();
    for (const [, name] of text.matchAll(/<input type="hidden" name="([^"]+)"/g)) form.set(name, "");
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    await this.fetch(path, { method: "POST", body: form });
  }
}

const paths = ["/counter", "/api/counter", "/api/legacy", "/plain", "/cached", "/form"];

async function visit(site, redis, observer) {
  const before = await observer.accepted();
  // All at once, and nothing was asked before: every bundle makes its client at the same time.
  await Promise.all([...paths, ...paths, ...paths].map((path) => site.fetch(path)));
  await site.send("/form", { text: "by the action" });
  const burst = await site.json("/api/burst", { method: "POST" });
  assert.equal(burst.last, 100);
  assert.deepEqual(await site.json("/api/visits"), { visits: 1 });
  assert.match((await site.fetch("/visits")).text, /<p>(?:<!-- -->)?1 visits/);
  const asked = {};
  for (const key of ["instrumentation", "proxy", "component", "route", "legacy", "saved"]) {
    asked[key] = await observer.ask("GET", key);
  }
  const { proxy, ...others } = asked;
  assert.deepEqual(others, { instrumentation: "1", component: "3", route: "3", legacy: "3", saved: "by the action" });
  assert.ok(Number(proxy) >= 20, `${proxy} through the proxy`);
  const connections = await observer.others();
  assert.deepEqual(
    connections.map(({ name }) => name),
    ["next"],
  );
  assert.ok((await observer.accepted()) - before <= 1, "there were others before");

  await redis.kill();
  await until(async () => (await site.json("/api/status", { method: "POST" })).state === "disabled", "disabled");
  assert.deepEqual(await site.json("/api/status", { method: "POST" }), {
    state: "disabled",
    reason: "refused",
    known: true,
  });
  for (const path of ["/counter", "/api/counter", "/api/legacy"]) {
    assert.match((await site.fetch(path)).text, /without Redis/);
  }
  assert.deepEqual(await site.json("/api/visits"), { visits: null });
  assert.match((await site.fetch("/visits")).text, /no visits counted/);

  await redis.restart();
  await until(async () => (await site.json("/api/counter")).count > 0, "recovered");
  assert.match((await site.fetch("/counter")).text, /id="counter">(?:<!-- -->)?\d/);
  const again = await observe(redis);
  try {
    assert.deepEqual(
      (await again.others()).map(({ name }) => name),
      ["next"],
    );
  } finally {
    again.close();
  }
}

async function until(holds, what, within = 30_000) {
  const end = performance.now() + within;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`never: ${what}`);
    await sleep(50);
  }
}

const bundlers = { turbopack: "Turbopack", webpack: "webpack" };
const version = () => versionOf("next", "next");
const start = (port) => next("start", "-p", String(port), "-H", "127.0.0.1");
const server = () => [process.execPath, "server.js"];

const builders = Object.entries(bundlers).map(([bundler, title]) => ({
  name: `Next build, ${title}, no Redis`,
  version,
  run: () => built(bundler),
}));

const servers = Object.entries(bundlers).flatMap(([bundler, title]) => [
  { name: `Next start, ${title}`, version, run: async () => serve(start, await built(bundler)) },
  { name: `Next standalone, ${title}`, version, run: async () => serve(server, await standalone(bundler)) },
]);

export const cells = [...builders, ...servers];
