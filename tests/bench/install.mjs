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
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
export const root = join(here, "../..");
export const cache = join(root, "target/bench");
export const modules = join(cache, "node_modules");
export const tarball = join(root, "target/package/edgis.tgz");
/** The caches, which want other versions of what the clients are. */
const caches = { manifests: join(here, "caches"), place: join(root, "target/bench-caches") };
/** The rate limiters. */
const limits = { manifests: join(here, "limits"), place: join(root, "target/bench-limits") };
/** The clients that run on Workers. */
const workers = { manifests: join(here, "workers"), place: join(root, "target/bench-workers") };

/** Installs what is not there yet; an edgis tarball that changed since the last run replaces the one before. */
export const install = () => installAll({ manifests: here, place: cache });
export const installCaches = () => installAll(caches);
export const installLimits = () => installAll(limits);
export const installWorkers = () => installAll(workers);

function installAll(bed) {
  installPeers(bed);
  linkModules(bed);
  return installEdgis(bed);
}

function installPeers({ manifests, place }) {
  const names = ["package.json", "package-lock.json", ".npmrc"];
  const digest = digestOf(names.map((name) => join(manifests, name)));
  if (isStamped(place, "peers", digest)) return;
  const start = performance.now();
  mkdirSync(place, { recursive: true });
  for (const name of names) copyFileSync(join(manifests, name), join(place, name));
  execFileSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel", "error"], {
    cwd: place,
    stdio: ["ignore", 2, 2],
  });
  stamp(place, "peers", digest);
  console.error(`peers installed in ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

function linkModules({ manifests, place }) {
  const link = join(manifests, "node_modules");
  // left alone where it stands: another run may be resolving through it
  if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink()) return;
  rmSync(link, { recursive: true, force: true });
  const target = relative(manifests, join(place, "node_modules"));
  symlinkSync(target, link, process.platform === "win32" ? "junction" : "dir");
}

function installEdgis({ place }) {
  const target = join(place, "node_modules/edgis");
  if (!existsSync(tarball)) return false;
  const digest = digestOf([tarball]);
  if (existsSync(target) && isStamped(place, "edgis", digest)) return true;
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  // unpacked, not `npm install`ed: the lock file of the peers stays as it is
  execFileSync("tar", ["-xzf", tarball, "-C", target, "--strip-components=1"]);
  stamp(place, "edgis", digest);
  return true;
}

const digestOf = (files) =>
  files.reduce((hash, file) => hash.update(readFileSync(file)), createHash("sha256")).digest("hex");
const stampFile = (place, name) => join(place, `.${name}-installed`);
const isStamped = (place, name, digest) =>
  existsSync(stampFile(place, name)) && readFileSync(stampFile(place, name), "utf8") === digest;
const stamp = (place, name, digest) => writeFileSync(stampFile(place, name), digest);

const versionIn = (place, name) =>
  JSON.parse(readFileSync(join(place, "node_modules", name, "package.json"), "utf8")).version;
export const versionOf = (name) => versionIn(cache, name);
export const versionOfCache = (name) => versionIn(caches.place, name);
export const versionOfLimiter = (name) => versionIn(limits.place, name);
export const versionOfWorker = (name) => versionIn(workers.place, name);

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
