// The tarball as a user gets it: what is in it, and that Node and TypeScript take it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import test from "node:test";
import { fileURLToPath } from "node:url";

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
    /^(?:package\.json|README\.md|LICENSE|dist\/[\w-]+\.js|dist\/edgis\.wasm|dist\/types\/(?:[\w-]+\/)*[\w-]+\.d\.ts)$/;
  assert.deepEqual(
    packed.filter((path) => !expected.test(path)),
    [],
  );
  for (const path of ["package.json", "README.md", "LICENSE"]) assert.ok(packed.includes(path), path);
});

test("every file that the exports map names is there", () => {
  for (const path of targets(manifest.exports)) assert.ok(packed.includes(path.replace("./", "")), path);
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

test("require() gives the very module that import does", async () => {
  const required = createRequire(`${app}/x.js`)("edgis");
  assert.equal(required, await import("edgis"));
});
