// Plays a release without making it: are the versions one, and would the registries take what is built?
//   node scripts/release.mjs --check   the versions alone
//   node scripts/release.mjs           these, both publishes as a dry run, and what is still to be done; the package must
//                                      have been built
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { at } from "./steps.mjs";

const tarball = "target/package/edgis.tgz";
/** Three numbers and what may follow them: https://semver.org. */
const semver = /^\d+\.\d+\.\d+(?:-[\w.-]+)?(?:\+[\w.-]+)?$/;
const packageVersion = /^\[package\][^[]*?^version = "(.*?)"/ms;
const lockedVersion = /^name = "edgis"\nversion = "(.*?)"/m;

const isDay = (text) => /^\d{4}-\d\d-\d\d$/.test(text) && new Date(text).toJSON()?.startsWith(text) === true;

/**
 * Finds what is wrong with the versions or still to be done, each with its fix.
 *
 * @param {object} sources the texts of files
 * @param {string} sources.cargo Cargo.toml
 * @param {Record<string, string>} sources.locks by path, Cargo.lock of each workspace that holds the crate
 * @param {string} sources.manifest pkg/package.json
 * @param {string} sources.changelog CHANGELOG.md
 * @param {string} today as in 2026-01-31
 * @returns {{ version: string, problems: string[], open: string[] }}
 */
export function versionsOf({ cargo, locks, manifest, changelog }, today) {
  const version = packageVersion.exec(cargo)?.[1] ?? "none";
  const [problems, open] = [[], []];
  if (!semver.test(version)) problems.push(`Cargo.toml has the version ${version}: write three numbers, as in 1.2.3`);
  const { version: npm } = JSON.parse(manifest);
  if (npm !== version) {
    problems.push(`Cargo.toml has the version ${version} and pkg/package.json ${npm}: write the same into both`);
  }
  for (const [path, lock] of Object.entries(locks)) {
    const locked = lockedVersion.exec(lock)?.[1];
    if (locked !== version) {
      const folder = path.split("/").slice(0, -1).join("/");
      const where = folder === "" ? "" : ` in ${folder}`;
      problems.push(`${path} has the version ${locked} and Cargo.toml ${version}: run 'cargo update edgis'${where}`);
    }
  }
  const [, told, day = ""] = /^## ([^\s,]+)(?:, *(.*))?$/m.exec(changelog) ?? [];
  if (told !== version) {
    problems.push(
      `CHANGELOG.md begins with the version ${told}: write what is new under '## ${version}, ${today}' above it`,
    );
  } else if (!isDay(day)) {
    open.push(`CHANGELOG.md has no day for ${version} but '${day}': write '## ${version}, ${today}' on the day`);
  }
  return { version, problems, open };
}

function git(...args) {
  const { status, stdout } = spawnSync("git", args, { cwd: at(), encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

const isDirty = git("status", "--porcelain") !== "";

/** A release must be what is committed, and must not have been released before. */
function checkoutProblems(version) {
  const problems = [];
  if (isDirty) problems.push("there are changes that are not committed: commit them first");
  const tag = git("rev-parse", "--verify", "--quiet", `refs/tags/v${version}`);
  if (tag !== undefined && tag !== git("rev-parse", "HEAD"))
    problems.push(`v${version} is the tag of another commit: raise the version in Cargo.toml and pkg/package.json`);
  return problems;
}

function tarballProblems(version) {
  if (!existsSync(at(tarball))) return [`there is no ${tarball}: run 'make package'`];
  const { stdout } = spawnSync("tar", ["-xzOf", at(tarball), "package/package.json"], { encoding: "utf8" });
  const packed = JSON.parse(stdout).version;
  return packed === version ? [] : [`${tarball} holds the version ${packed}: run 'make package'`];
}

function run(program, args, cwd = at()) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: "utf8" });
  return { good: status === 0, said: `${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}`.trim() };
}

function fail(lines) {
  for (const line of lines) console.error(`release: ${line}`);
  process.exit(1);
}

/** The npm package, as the registry would get it. */
function npm(version) {
  const tag = version.includes("-") ? "next" : "latest";
  const args = ["publish", tarball, "--access", "public", "--tag", tag];
  const { good, said } = run("npm", [...args, "--dry-run"]);
  if (!good) fail([`npm refuses ${tarball}:`, ...said.split("\n")]);
  const fact = (name) => new RegExp(`${name}: +(.*)`).exec(said)?.[1] ?? "?";
  console.log(`npm    edgis ${version}: ${fact("package size")}, ${fact("total files")} files, tag ${tag}`);
  return `npm ${args.join(" ")}`;
}

/** The crate: compiled from what would be uploaded. */
function crate(version) {
  // Uncommitted changes are reported at the end.
  const options = ["--locked", ...(isDirty ? ["--allow-dirty"] : [])];
  let { good, said } = run("cargo", ["publish", "--dry-run", ...options]);
  let how = "";
  if (!good) {
    // A mirror in place of crates.io, or no network: cargo asks the registry before it looks at the crate.
    const refused = said.split("\n").find((line) => line.startsWith("error")) ?? said.split("\n").at(-1);
    ({ good, said } = run("cargo", ["package", ...options]));
    if (!good) fail(["cargo refuses the crate:", ...said.split("\n")]);
    how = `; packed and compiled only, since 'cargo publish --dry-run' says: ${refused}`;
  }
  const [, files, size] = /Packaged (\d+) files, .*\((.*) compressed\)/.exec(said) ?? [];
  console.log(`cargo  edgis ${version}: ${size}, ${files} files${how}`);
  return "cargo publish --locked";
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const text = (path) => readFileSync(at(path), "utf8");
  const locks = Object.fromEntries(["Cargo.lock", "tests/fuzz/Cargo.lock"].map((path) => [path, text(path)]));
  const files = { cargo: text("Cargo.toml"), manifest: text("pkg/package.json"), changelog: text("CHANGELOG.md") };
  const { version, problems, open } = versionsOf({ ...files, locks }, new Date().toJSON().slice(0, 10));
  const isCheck = process.argv.includes("--check");
  if (!isCheck && problems.length === 0) problems.push(...tarballProblems(version));
  if (problems.length > 0) fail(problems);
  if (!isCheck) {
    const commands = [npm(version), crate(version), `git tag v${version}`, `git push origin v${version}`];
    open.push(...checkoutProblems(version));
    if (open.length > 0) fail(["nothing was published, and it is not ready to be:", ...open]);
    console.log(`Nothing was published. What publishes ${git("rev-parse", "--short", "HEAD")}:`);
    for (const command of commands) console.log(`  ${command}`);
  }
}
