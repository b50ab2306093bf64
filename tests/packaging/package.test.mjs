// The tarball as a user gets it: what is in it, and that Node and TypeScript take it.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import test from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { startRedis } from "edgis/testing";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const tarball = `${repository}/target/package/edgis.tgz`;
const app = `${repository}/target/package/app`;
const installed = `${app}/node_modules/edgis`;
const read = (path) => readFileSync(path, "utf8");
const manifest = JSON.parse(read(`${installed}/package.json`));

const packed = execFileSync("tar", ["-tzf", tarball], { encoding: "utf8" })
  .trim()
  .split("\n")
  .map((path) => path.replace(/^package\//, ""))
  .sort();

/** All files that "exports" names, by condition. */
function targets(node, found = []) {
  if (typeof node === "string") found.push(node);
  else for (const inner of Object.values(node)) targets(inner, found);
  return found;
}

test("the tarball holds the built files, the licence and nothing else", () => {
  const expected =
    /^(?:(?:[\w-]+\/)?package\.json|README\.md|LICENSE|dist\/[\w-]+\.c?js|dist\/edgis\.wasm|dist\/types\/(?:[\w-]+\/)*[\w-]+\.d\.c?ts)$/;
  assert.deepEqual(
    packed.filter((path) => !expected.test(path)),
    [],
  );
  for (const path of ["package.json", "README.md", "LICENSE"]) assert.ok(packed.includes(path), path);
});

test("every file that the exports map names is there", () => {
  const { main, module, types, exports } = manifest;
  for (const path of targets([main, module, types, exports])) assert.ok(packed.includes(path.replace("./", "")), path);
});

test("each entry has a folder for those who do not read the exports map, and it leads to the same files", () => {
  const entries = Object.entries(manifest.exports).filter(([, target]) => typeof target === "object");
  const seen = entries.map(([name, { types, require, default: esm }]) => {
    if (name === ".") return [name, manifest.types, manifest.main, manifest.module];
    const folder = JSON.parse(read(`${installed}/${name}/package.json`));
    const own = (path) => path.replace("../", "./");
    assert.deepEqual([own(folder.types), own(folder.main), own(folder.module)], [types.require, require, esm], name);
    return [name];
  });
  const { types, default: any } = manifest.exports["."];
  assert.deepEqual(seen[0], [".", types.require, any.require, any.default]);
});

test("the package unpacks to less than 1.3 MB", () => {
  const size = packed.reduce((sum, path) => sum + statSync(`${installed}/${path}`).size, 0);
  assert.ok(size < 1_300_000, `${size} bytes`);
});

test("the package needs nothing at run time and runs no script", () => {
  assert.equal(manifest.dependencies, undefined);
  assert.equal(manifest.scripts, undefined);
  assert.equal(manifest.type, "module");
});

test("edgis and edgis/testing do not hold each other", () => {
  const [core, testing] = ["node", "testing"].map((name) => read(`${installed}/dist/${name}.js`));
  assert.ok(!core.includes("redis-server") && !core.includes("node:child_process"));
  assert.ok(!testing.includes("WebAssembly") && testing.length < 40_000, `${testing.length} characters`);
});

test("npm package and crate have one version", () => {
  assert.equal(manifest.version, /^version = "(.+)"$/m.exec(read(`${repository}/Cargo.toml`))[1]);
});

test("no built file names a path of the machine that built it", () => {
  for (const path of packed) {
    const text = read(`${installed}/${path}`);
    for (const folder of [homedir(), repository]) assert.ok(!text.includes(`${folder}/`), `${path} names ${folder}`);
  }
  const wasm = readFileSync(`${repository}/target/wasm/edgis.wasm`, "latin1");
  for (const folder of [homedir(), repository]) assert.ok(!wasm.includes(`${folder}/`), `the module names ${folder}`);
});

/** Runs a program in the app, beside a server; gives what its last line says. */
async function told(t, program) {
  const server = await startRedis();
  t.after(() => server.stop());
  const { NODE_TEST_CONTEXT, REDIS_URI, ...env } = process.env;
  const args = ["--input-type=module", "-e", program];
  const { stdout } = spawnSync(process.execPath, args, { cwd: app, env: { ...env, REDIS_URL: server.url } });
  return JSON.parse(String(stdout).trim().split("\n").at(-1));
}

test("what import and require() give are two copies with one engine", async (t) => {
  const all = await told(
    t,
    `import { createRequire } from "node:module";
     import * as imported from "edgis";
     import * as cache from "edgis/cache";
     import * as ratelimit from "edgis/ratelimit";
     import * as testing from "edgis/testing";
     const require = createRequire(import.meta.url);
     const required = require("edgis");
     const names = [["edgis", imported], ["edgis/cache", cache], ["edgis/ratelimit", ratelimit], ["edgis/testing", testing]].map(
       ([name, { default: _, ...module }]) => [name, Object.keys(module).sort().join(), Object.keys(require(name)).sort().join()],
     );
     const clients = [imported, required].map(({ createClient }) => createClient({ logger: false }));
     const numbers = await Promise.all(clients.map((client) => client.incr("n")));
     const errors = await Promise.all(clients.map((client) => client.call("NOSUCH").catch((error) => error)));
     const known = [imported, required].flatMap(({ ReplyError, isRedisError }) =>
       errors.flatMap((error) => [error instanceof ReplyError, isRedisError(error)]),
     );
     // The cache of one copy, with the client and the word of the other.
     const one = cache.createCache({ client: clients[1], namespace: "copies", ttl: "1m" });
     const other = require("edgis/cache").createCache({ client: clients[0], namespace: "copies", ttl: "1m" });
     const cached = [await one.getOrSet("k", () => 1), await other.getOrSet("k", () => 2)];
     const nothing = await one.getOrSet("none", () => require("edgis/cache").absent);
     const { dials, handles } = clients[0].stats();
     require("edgis/testing").resetRegistry();
     const states = clients.map((client) => client.status().state);
     await Promise.all(clients.map((client) => client.close()));
     const copies = imported.createClient !== required.createClient;
     console.log(JSON.stringify({ names, numbers, known, cached, nothing: nothing === undefined, dials, handles, states, copies }));`,
  );
  const { names, numbers, ...rest } = all;
  for (const [name, esm, cjs] of names) assert.equal(cjs, esm, name);
  assert.deepEqual(numbers.sort(), [1, 2]);
  assert.deepEqual(rest, {
    known: Array(8).fill(true),
    cached: [1, 1],
    nothing: true,
    dials: 1,
    handles: 2,
    states: ["idle", "idle"],
    copies: true,
  });
});

test("an import finds the names of the module that require() gives", async () => {
  // What a bundler, or a loader for tests, makes of a module that it was told to take as CommonJS.
  const named = await import(pathToFileURL(`${installed}/dist/any.cjs`));
  const { default: whole, "module.exports": _, ...names } = named;
  assert.deepEqual(Object.keys(names).sort(), Object.keys(await import("edgis")).sort());
  assert.equal(whole.createClient, names.createClient);
});
