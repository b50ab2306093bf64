// Peers and edgis are installed into target/bench, out of the sources; a link lets the adapters resolve them from here.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
export const root = join(here, "../..");
export const cache = join(root, "target/bench");
export const modules = join(cache, "node_modules");
export const tarball = join(root, "target/package/edgis.tgz");

/** Installs what is not there yet; an edgis tarball that changed since the last run replaces the one before. */
export function install() {
  installPeers();
  linkModules();
  return installEdgis();
}

function installPeers() {
  const manifests = ["package.json", "package-lock.json", ".npmrc"];
  const digest = digestOf(manifests.map((name) => join(here, name)));
  if (isStamped("peers", digest)) return;
  const start = performance.now();
  mkdirSync(cache, { recursive: true });
  for (const name of manifests) copyFileSync(join(here, name), join(cache, name));
  execFileSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel", "error"], {
    cwd: cache,
    stdio: ["ignore", 2, 2],
  });
  stamp("peers", digest);
  console.error(`peers installed in ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

function linkModules() {
  const link = join(here, "node_modules");
  // left alone where it stands: another run may be resolving through it
  if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink()) return;
  rmSync(link, { recursive: true, force: true });
  symlinkSync(join("../..", "target/bench/node_modules"), link, process.platform === "win32" ? "junction" : "dir");
}

function installEdgis() {
  const target = join(modules, "edgis");
  if (!existsSync(tarball)) return false;
  const digest = digestOf([tarball]);
  if (existsSync(target) && isStamped("edgis", digest)) return true;
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  // unpacked, not `npm install`ed: the lock file of the peers stays as it is
  execFileSync("tar", ["-xzf", tarball, "-C", target, "--strip-components=1"]);
  stamp("edgis", digest);
  return true;
}

const digestOf = (files) =>
  files.reduce((hash, file) => hash.update(readFileSync(file)), createHash("sha256")).digest("hex");
const stampFile = (name) => join(cache, `.${name}-installed`);
const isStamped = (name, digest) => existsSync(stampFile(name)) && readFileSync(stampFile(name), "utf8") === digest;
const stamp = (name, digest) => writeFileSync(stampFile(name), digest);

export const versionOf = (name) => JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8")).version;

/** Bun's executable: linked by its install script, or, where such scripts do not run, in its platform package. */
export function findBun() {
  const scoped = join(modules, "@oven");
  const packaged = existsSync(scoped) ? readdirSync(scoped).map((name) => join(scoped, name, "bin/bun")) : [];
  for (const path of [join(modules, "bun/bin/bun.exe"), ...packaged]) {
    try {
      execFileSync(path, ["--version"], { stdio: "ignore" });
      return path;
    } catch {
      // not for this platform, or a placeholder
    }
  }
  return undefined;
}
