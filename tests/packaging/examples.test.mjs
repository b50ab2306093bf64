// The examples of edgis/testing, run as a user would: copied somewhere, with the packed tarball installed.
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const pinned = join(repository, "tests/packaging/examples");
const cache = join(repository, "target/examples");
const read = (path) => readFileSync(path, "utf8");

/** A copy of an example with edgis in its node_modules, for the time of a test. */
function copied(t, name) {
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, `${name}-`));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(join(repository, "examples", name), folder, { recursive: true });
  const edgis = join(folder, "node_modules/edgis");
  mkdirSync(edgis, { recursive: true });
  execFileSync("tar", ["-xzf", join(repository, "target/package/edgis.tgz"), "-C", edgis, "--strip-components=1"]);
  return folder;
}

/** Runs a program; what it said, and whether it ended well. */
function run(program, args, cwd) {
  const { NODE_TEST_CONTEXT, REDIS_URL, REDIS_URI, ...env } = process.env;
  return new Promise((resolve) => {
    execFile(program, args, { cwd, env: { ...env, NO_COLOR: "1" }, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ good: error === null, text: stdout + stderr }),
    );
  });
}

/** Installs what the examples need besides edgis, unless that is there already. */
function installOthers() {
  const lock = read(join(pinned, "package-lock.json"));
  const stamp = join(cache, ".installed");
  try {
    if (read(stamp) === lock) return;
  } catch {
    // It was never installed.
  }
  mkdirSync(cache, { recursive: true });
  for (const name of ["package.json", "package-lock.json", ".npmrc"]) cpSync(join(pinned, name), join(cache, name));
  execFileSync("npm", ["ci", "--loglevel", "error"], { cwd: cache, stdio: ["ignore", 2, 2] });
  writeFileSync(stamp, lock);
}

/** Breaks the app of a copied example: it no longer does without Redis. */
function sabotage(folder) {
  const file = join(folder, "product.mjs");
  const text = read(file);
  writeFileSync(file, text.replace(".catch(() => null)", ""));
  assert.notEqual(read(file), text);
}

test("the example for node:test passes, and fails when its app does", async (t) => {
  const folder = copied(t, "testing-node");
  const { good, text } = await run(process.execPath, ["--test"], folder);
  assert.ok(good, text);
  assert.match(text, /pass 5\n/);
  sabotage(folder);
  const broken = await run(process.execPath, ["--test"], folder);
  assert.equal(broken.good, false, broken.text);
});

test("the example for Vitest passes, and fails when its app does", async (t) => {
  installOthers();
  const folder = copied(t, "testing-vitest");
  const wanted = JSON.parse(read(join(folder, "package.json"))).devDependencies;
  assert.deepEqual(wanted, JSON.parse(read(join(pinned, "package.json"))).dependencies, "one version is pinned");
  symlinkSync(join(cache, "node_modules/vitest"), join(folder, "node_modules/vitest"), "junction");
  const vitest = join(folder, "node_modules/vitest/vitest.mjs");
  const { good, text } = await run(process.execPath, [vitest, "run"], folder);
  assert.ok(good, text);
  assert.match(text, /5 passed/);
  sabotage(folder);
  const broken = await run(process.execPath, [vitest, "run"], folder);
  assert.equal(broken.good, false, broken.text);
});

test("both examples test the same app", () => {
  const [one, other] = ["node", "vitest"].map((name) => read(join(repository, `examples/testing-${name}/product.mjs`)));
  assert.equal(one, other);
});
