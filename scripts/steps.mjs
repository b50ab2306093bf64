// Shared by the build scripts: running a program, and skipping work whose inputs did not change.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** A path below the repository, whatever the working directory is. */
export const at = (...parts) => join(root, ...parts);

/** Runs a program in the repository and ends the process when it fails; `quiet` shows its output only then. */
export function run(program, args, { env = {}, cwd = root, quiet = false } = {}) {
  const result = spawnSync(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: quiet ? "pipe" : "inherit",
    encoding: "utf8",
  });
  if (result.error === undefined && result.status === 0) return result.stdout;
  if (quiet) process.stderr.write(`${result.stdout ?? ""}${result.stderr ?? ""}`);
  console.error(`${program} ${args.join(" ")}: ${result.error?.message ?? `exit code ${result.status}`}`);
  process.exit(1);
}

/** All files below the given files and folders, sorted; what does not exist has none. */
export function files(...paths) {
  const found = [];
  for (const path of paths) {
    if (!existsSync(path)) continue;
    if (statSync(path).isDirectory()) found.push(...files(...readdirSync(path).map((name) => join(path, name))));
    else found.push(path);
  }
  return found.sort();
}

function fingerprint(inputs) {
  const hash = createHash("sha256");
  for (const path of files(...inputs))
    hash
      .update(`${relative(root, path)}\0`)
      .update(readFileSync(path))
      .update("\0");
  return hash.digest("hex");
}

/**
 * Does `work` unless its inputs (files and folders, by content) are those of the last time and its outputs are there.
 * Prints a line with the duration when it worked, and says whether it did.
 */
export async function step(name, inputs, outputs, work) {
  const stamp = at("target/build", `${name}.stamp`);
  const before = fingerprint(inputs);
  if (outputs.every(existsSync) && existsSync(stamp) && readFileSync(stamp, "utf8") === before) return false;
  const start = performance.now();
  const note = await work();
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, before);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`build: ${name.padEnd(14)} ${note === undefined ? "" : `${note} `}(${seconds} s)`);
  return true;
}

export const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} KB`;
