// Apps that install the packed package, in folders outside of the repository.
import { execFile } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const here = fileURLToPath(new URL(".", import.meta.url));
const repository = join(here, "../..");
const execute = promisify(execFile);

export const tarball = join(repository, "target/package/edgis.tgz");

const folders = new Set();
process.on("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** What `scripts/setup.sh runtimes apps` installed of a package.json below tests/packaging; for `make test-newest` at its newest. */
export function installed(name, ...parts) {
  const folder = join(repository, "target/setup", process.env.EDGIS_NEWEST ? "npm-newest" : "npm", name);
  if (!existsSync(folder)) throw new Error(`tests/packaging/${name} is not installed: scripts/setup.sh apps`);
  return join(realpathSync(folder), ...parts);
}

export const versionOf = (name, dependency) =>
  JSON.parse(readFileSync(installed(name, "node_modules", dependency, "package.json"), "utf8")).version;

/** Runs a program to its end; rejects with all that it said when it fails. Gives what it said. */
export async function runProgram(command, { cwd, env = {}, limit = 120_000 } = {}) {
  const [program, ...args] = command;
  try {
    return await execute(program, args, { cwd, env: environment(env), timeout: limit, maxBuffer: 1 << 24 });
  } catch (error) {
    const how = error.killed ? `no end within ${limit / 1000} s` : error.message.split("\n")[0];
    throw new Error(`${how}\n${error.stdout ?? ""}\n${error.stderr ?? ""}`);
  }
}

/** The environment of an app: nothing of ours that changes what a runtime does. */
export function environment(more = {}) {
  const { REDIS_URL, REDIS_URI, NODE_OPTIONS, NODE_TEST_CONTEXT, FORCE_COLOR, ...own } = process.env;
  return { ...own, NO_COLOR: "1", ...more };
}

/** A folder with the files of tests/packaging/`source`, if that is given; gone with this process. */
export function newFolder(source) {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), "edgis-app-"));
  folders.add(folder);
  if (source !== undefined)
    cpSync(join(here, source), folder, { recursive: true, filter: (path) => !/package-lock|node_modules/.test(path) });
  return folder;
}

/** A folder of `source` with the packages of `tree`, as links of their files where the file system allows, and with edgis. */
export async function appWith(source, tree) {
  const folder = newFolder(source);
  const modules = installed(tree, "node_modules");
  await execute("cp", ["-Rl", modules, folder]).catch(() => execute("cp", ["-R", modules, folder]));
  const edgis = join(folder, "node_modules/edgis");
  mkdirSync(edgis);
  await execute("tar", ["-xzf", tarball, "-C", edgis, "--strip-components=1"]);
  return folder;
}

/** An app of the files of `source`, once for all who ask for the name, with the tarball installed by npm. */
const apps = new Map();
export function npmApp(name, source = "app", type = "module") {
  if (!apps.has(name)) apps.set(name, makeApp(name, source, type));
  return apps.get(name);
}

async function makeApp(name, source, type) {
  const folder = newFolder(source);
  const dependencies = { edgis: `file:${tarball}` };
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name, private: true, type, dependencies }));
  await runProgram(["npm", "install", "--offline", "--no-audit", "--no-fund", "--loglevel", "error"], { cwd: folder });
  return folder;
}

/** Lets an app import the packages of another folder's node_modules as if they were installed in it. */
export function linkPackages(folder, modules) {
  const own = join(folder, "node_modules");
  for (const name of readdirSync(modules)) {
    const names = name.startsWith("@") ? readdirSync(join(modules, name)).map((inner) => `${name}/${inner}`) : [name];
    for (const one of names) {
      if (one.startsWith(".") || existsSync(join(own, one))) continue;
      if (name.startsWith("@")) mkdirSync(join(own, name), { recursive: true });
      symlinkSync(join(modules, one), join(own, one), "junction");
    }
  }
}
