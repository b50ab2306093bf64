// Examples, as a user would have them: copied somewhere, with the packed tarball installed.
import { execFile, execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const repository = fileURLToPath(new URL("../..", import.meta.url));
export const pinned = join(repository, "tests/packaging/examples");
const cache = join(repository, "target/examples");
export const read = (path) => readFileSync(path, "utf8");

/** A copy of an example with edgis in its node_modules, for the time of a test. */
export function copied(t, name) {
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
export function run(program, args, cwd, own = {}) {
  const { NODE_TEST_CONTEXT, REDIS_URL, REDIS_URI, ...env } = process.env;
  return new Promise((resolve) => {
    execFile(program, args, { cwd, env: { ...env, NO_COLOR: "1", ...own }, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ good: error === null, text: stdout + stderr }),
    );
  });
}

/** Installs what the examples need besides edgis, unless that is there already. */
export function installOthers() {
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

/** Where those are installed. */
export const others = join(cache, "node_modules");

/** Gives a copied example one of those. */
export function linkOther(name, folder) {
  const link = join(folder, "node_modules", name);
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(join(others, name), link, "junction");
}
