// What checkers of packages and TypeScript say of the tarball.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installed, npmApp, runProgram, tarball, versionOf } from "../app.mjs";

const repository = fileURLToPath(new URL("../../..", import.meta.url));
const tool = (...parts) => installed("bundlers", "node_modules", ...parts);

async function publint() {
  const { stdout } = await runProgram([process.execPath, tool("publint/src/cli.js"), tarball, "--strict"]);
  assert.match(stdout, /All good!/);
}

/** In each resolution that TypeScript has had, also the one of old compilers, which knows no "exports". */
async function attw() {
  const cli = tool("@arethetypeswrong/cli/dist/index.js");
  const { stdout } = await runProgram([process.execPath, cli, tarball, "--format", "json"]);
  const { analysis } = JSON.parse(stdout);
  assert.deepEqual(analysis.problems, []);
  const resolved = Object.values(analysis.entrypoints).flatMap(({ resolutions }) => Object.values(resolutions));
  assert.deepEqual(new Set(resolved.map(({ resolution }) => resolution !== undefined)), new Set([true]));
  const { exports } = JSON.parse(readFileSync(join(repository, "pkg/package.json"), "utf8"));
  assert.deepEqual(Object.keys(analysis.entrypoints).sort(), Object.keys(exports).sort());
}

const esm = [
  [["--module", "nodenext"], "node"],
  [["--module", "node16", "--moduleResolution", "node16"], "node"],
  [["--module", "esnext", "--moduleResolution", "bundler"], "browser"],
];
const commonjs = [
  [["--module", "nodenext"], "node"],
  [["--module", "node16", "--moduleResolution", "node16"], "node"],
  [["--module", "commonjs", "--moduleResolution", "bundler"], "node"],
];
/** What compilers before 7 have as their default. */
const old = [
  [["--module", "commonjs"], "node"],
  [["--module", "commonjs", "--moduleResolution", "node10"], "browser"],
];

/** A strict program compiles in each resolution, with Node's types or with a browser's, and nothing else declared. */
async function compiles(tsc, type, resolutions) {
  const folder = join(await npmApp("types"), type);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type }));
  const programs = ["consumer.ts", "consumer-object.ts"];
  for (const name of programs) copyFileSync(join(repository, "tests/packaging", name), join(folder, name));
  // What Cloudflare's own types declare.
  copyFileSync(join(repository, "js/transport/cloudflare.d.ts"), join(folder, "cloudflare.d.ts"));
  writeFileSync(join(folder, "process.d.ts"), "declare const process: { env: Record<string, string | undefined> };\n");
  const node = ["--lib", "es2022", "--types", "node", "--typeRoots", tool("@types"), ...programs, "cloudflare.d.ts"];
  const nothing = ["--typeRoots", join(folder, "none")];
  const browser = ["--lib", "es2022,dom", ...nothing, ...programs, "cloudflare.d.ts", "process.d.ts"];
  const strict = ["--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess"];
  // The compiler's own libraries are not ours to check, and take long.
  const checked = ["--skipLibCheck", "false", "--skipDefaultLibCheck"];
  for (const [resolution, world] of resolutions) {
    const files = { node, browser }[world];
    const options = ["--noEmit", "--target", "es2022", ...strict, ...checked, ...resolution, ...files];
    await runProgram([process.execPath, tsc, ...options], { cwd: folder }).catch((error) => {
      throw new Error(`${resolution.join(" ")}: ${error.message}`);
    });
  }
}

const own = join(repository, "node_modules/typescript/bin/tsc");
const theirs = () => tool("typescript/lib/tsc.js");

const version5 = () => versionOf("bundlers", "typescript");
const version7 = () =>
  execFileSync(process.execPath, [own, "--version"], { encoding: "utf8" }).trim().split(" ").at(-1);
const typed = (major, type, version, run) => ({ name: `types, TypeScript ${major}, ${type}`, version, run });

export const cells = [
  { name: "publint", version: () => versionOf("bundlers", "publint"), run: publint },
  { name: "attw", version: () => versionOf("bundlers", "@arethetypeswrong/cli"), run: attw },
  typed(5, "ESM", version5, () => compiles(theirs(), "module", esm)),
  typed(5, "CommonJS", version5, () => compiles(theirs(), "commonjs", [...commonjs.slice(0, 2), ...old])),
  typed(7, "ESM", version7, () => compiles(own, "module", esm)),
  typed(7, "CommonJS", version7, () => compiles(own, "commonjs", commonjs)),
];
