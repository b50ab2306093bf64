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

/**
 * An ES module alone, which require() takes since Node 20.19: what attw has against that is left out. So is the
 * resolution of old compilers, which knows no "exports".
 */
async function attw() {
  const cli = tool("@arethetypeswrong/cli/dist/index.js");
  const { stdout } = await runProgram([process.execPath, cli, tarball, "--profile", "esm-only", "--format", "json"]);
  const { analysis } = JSON.parse(stdout);
  const mine = ({ resolutionKind }) => !["node10", "node16-cjs"].includes(resolutionKind);
  assert.deepEqual(analysis.problems.filter(mine), []);
  const { exports } = JSON.parse(readFileSync(join(repository, "pkg/package.json"), "utf8"));
  assert.deepEqual(Object.keys(analysis.entrypoints).sort(), Object.keys(exports).sort());
}

/** A strict program compiles in each resolution, with Node's types or with a browser's, and nothing else declared. */
async function compiles(tsc) {
  const folder = join(await npmApp("types"), "typescript");
  mkdirSync(folder, { recursive: true });
  const programs = ["consumer.ts", "consumer-object.ts"];
  for (const name of programs) copyFileSync(join(repository, "tests/packaging", name), join(folder, name));
  // What Cloudflare's own types declare.
  copyFileSync(join(repository, "js/transport/cloudflare.d.ts"), join(folder, "cloudflare.d.ts"));
  writeFileSync(join(folder, "process.d.ts"), "declare const process: { env: Record<string, string | undefined> };\n");
  const node = ["--lib", "es2022", "--types", "node", "--typeRoots", tool("@types"), ...programs, "cloudflare.d.ts"];
  const browser = [
    "--lib",
    "es2022,dom",
    "--typeRoots",
    join(folder, "none"),
    ...programs,
    "cloudflare.d.ts",
    "process.d.ts",
  ];
  const strict = ["--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess"];
  // The compiler's own libraries are not ours to check, and take long.
  const checked = ["--skipLibCheck", "false", "--skipDefaultLibCheck"];
  for (const [resolution, world] of [
    [["--module", "nodenext"], node],
    [["--module", "node16", "--moduleResolution", "node16"], node],
    [["--module", "esnext", "--moduleResolution", "bundler"], browser],
  ]) {
    const options = ["--noEmit", "--target", "es2022", ...strict, ...checked, ...resolution, ...world];
    await runProgram([process.execPath, tsc, ...options], { cwd: folder }).catch((error) => {
      throw new Error(`${resolution.join(" ")}: ${error.message}`);
    });
  }
}

const own = join(repository, "node_modules/typescript/bin/tsc");
const theirs = () => tool("typescript/lib/tsc.js");

export const cells = [
  { name: "publint", version: () => versionOf("bundlers", "publint"), run: publint },
  { name: "attw, as an ES module", version: () => versionOf("bundlers", "@arethetypeswrong/cli"), run: attw },
  { name: "types, TypeScript 5", version: () => versionOf("bundlers", "typescript"), run: () => compiles(theirs()) },
  {
    name: "types, TypeScript 7",
    version: () => execFileSync(process.execPath, [own, "--version"], { encoding: "utf8" }).trim().split(" ").at(-1),
    run: () => compiles(own),
  },
];
