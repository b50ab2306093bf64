// Programs of a user's, each in a process of its own: what keeps one alive, and what ends it, shows only there.
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { evaluate } from "./runtimes.mjs";

const repository = fileURLToPath(new URL("../..", import.meta.url));

/** Counts what must never happen; a program says so in its last line. */
const witness = `
globalThis.__unhandled = 0; globalThis.__uncaught = 0;
process.on("unhandledRejection", (error) => { globalThis.__unhandled += 1; console.error("unhandled:", error); });
process.on("uncaughtException", (error) => { globalThis.__uncaught += 1; console.error("uncaught:", error); });
`;

/**
 * Runs ESM source and waits for its end.
 *
 * @param {string} source
 * @param {object} [options]
 * @param {Record<string, string>} [options.env] besides what every program gets; no REDIS_URL unless it is here
 * @param {boolean} [options.exposeGc] give it `gc()`
 * @param {boolean} [options.witnessed] count unhandled rejections and uncaught exceptions instead of dying of them
 * @param {string} [options.cwd] default: the repository, whose node_modules holds the package
 */
export function run(source, { env = {}, exposeGc = false, witnessed = false, cwd = repository } = {}) {
  const { REDIS_URL, REDIS_URI, NODE_TEST_CONTEXT, ...own } = process.env;
  const [program, ...args] = evaluate((witnessed ? witness : "") + source, { exposeGc });
  const started = performance.now();
  const child = spawn(program, args, { cwd, env: { ...own, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const ended = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) {
    child[name].on("data", (chunk) => {
      ended[name] += chunk;
    });
  }
  const limit = setTimeout(() => child.kill("SIGKILL"), 60_000);
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      clearTimeout(limit);
      resolve({ ...ended, code, signal, milliseconds: performance.now() - started });
    });
  });
}

/**
 * Begins to run ESM source, for a program that is spoken to by signals; it is killed after the test at the latest.
 *
 * @returns its `pid`, `line()`, which gives the next line that it prints, and `ended`, its exit code or signal
 */
export function begin(t, source, env = {}) {
  const { REDIS_URL, REDIS_URI, NODE_TEST_CONTEXT, ...own } = process.env;
  const [program, ...args] = evaluate(source);
  const stdio = ["ignore", "pipe", "inherit"];
  const child = spawn(program, args, { cwd: repository, env: { ...own, ...env }, stdio });
  const ended = new Promise((resolve) => child.once("close", (code, signal) => resolve(signal ?? code)));
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { pid: child.pid, ended, line: async () => (await lines.next()).value };
}

/** The JSON that a program printed as its last line. Throws with all it said when it ended badly. */
export async function answer(source, options) {
  const ended = await run(source, options);
  if (ended.code !== 0)
    throw new Error(`the program ended with ${ended.code ?? ended.signal}\n${ended.stdout}\n${ended.stderr}`);
  return { ...JSON.parse(ended.stdout.trim().split("\n").at(-1)), stderr: ended.stderr };
}

/** A folder with an app that has the package installed as often as it has names, for the time of a test. */
export function installedTwice(t, names = ["a", "b"]) {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), "edgis-app-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of names) {
    const modules = join(folder, name, "node_modules");
    mkdirSync(modules, { recursive: true });
    cpSync(realpathSync(join(repository, "node_modules/edgis")), join(modules, "edgis"), { recursive: true });
    writeFileSync(join(folder, name, "index.mjs"), 'export * from "edgis";\n');
  }
  return folder;
}

/** The beginning of a program in which the wall clock can be put forward as a sleep would; the package takes it at load. */
export const asleep = `
const clock = Date.now;
let slept = 0;
Date.now = () => clock() + slept;
const { createClient } = await import("edgis");
`;

/** A program that sleeps for an hour while its connection dies: how it goes on, for `answer`. */
export const wakeToDeadLink = (port, options = {}) => `${asleep}
const { faultProxy } = await import("edgis/testing");
const proxy = await faultProxy(${port});
const redis = createClient({ url: proxy.url, logger: false, ...${JSON.stringify(options)} });
await redis.set("k", "v");
// What was connected before the sleep leads nowhere afterwards, silently.
proxy.strike({ toServer: { do: "drop" }, toClient: { do: "drop" } });
slept = 3_600_000;
const started = performance.now();
const [, value] = await Promise.all([redis.set("k", "w"), redis.get("k")]);
const took = performance.now() - started;
console.log(JSON.stringify({ took, value, dials: redis.stats().dials, connections: proxy.accepted }));
await redis.close();
`;
