// The runtimes that the package is tested on: those of tests/packaging/runtimes, where `scripts/setup.sh runtimes` links
// them, and the Node that runs this.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const trees = process.env.EDGIS_NEWEST ? "npm-newest" : "npm";
const installed = fileURLToPath(new URL(`../../target/setup/${trees}/runtimes/node_modules`, import.meta.url));
const { arch, platform } = process;
const bunArch = arch === "arm64" ? "aarch64" : arch;

const files = {
  "node-20": `node-20-${arch}/bin/node`,
  "node-22": `node-22-${arch}/bin/node`,
  "node-24": `node-24-${arch}/bin/node`,
  "node-newest": `node-newest-${arch}/bin/node`,
  bun: `@oven/bun-${platform}-${bunArch}/bin/bun`,
  deno: `@deno/${platform}-${arch}-glibc/deno`,
};

/** The runtime that runs this. */
export const here = process.versions.bun ? "bun" : globalThis.Deno ? "deno" : "node";

/** The runtime's executable. Throws with what is missing where there is none. */
export function executable(name) {
  const path = `${installed}/${files[name]}`;
  if (existsSync(path)) return path;
  throw new Error(
    `no ${name} for ${platform}-${arch} in tests/packaging/runtimes, or 'scripts/setup.sh runtimes' did not run`,
  );
}

/** What stands before the script on the runtime's command line. */
export function commandLine(name, { exposeGc = false } = {}) {
  const path = executable(name);
  if (name === "bun") return exposeGc ? [path, "--expose-gc"] : [path];
  if (name === "deno")
    return [path, "run", "--allow-all", "--no-check", ...(exposeGc ? ["--v8-flags=--expose-gc"] : [])];
  return exposeGc ? [path, "--expose-gc"] : [path];
}

/** How the runtime that runs this runs ESM source; `exposeGc` gives that a `gc()`. */
export function evaluate(source, { exposeGc = false } = {}) {
  const path = process.execPath;
  if (here === "deno") return [path, "eval", "--no-check", ...(exposeGc ? ["--v8-flags=--expose-gc"] : []), source];
  return [path, ...(exposeGc ? ["--expose-gc"] : []), "--input-type=module", "--eval", source];
}

/** A function that collects garbage. */
export function collector() {
  if (here === "bun") return () => globalThis.Bun.gc(true);
  if (globalThis.gc !== undefined) return globalThis.gc;
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}
