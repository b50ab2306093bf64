// What `make release` refuses, and what it says would be published.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { versionsOf } from "../../scripts/release.mjs";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const today = "2026-01-31";
const good = {
  cargo: '[package]\nname = "edgis"\nversion = "1.2.3"\n\n[dependencies]\nother = { version = "9.9.9" }\n',
  locks: { "Cargo.lock": '[[package]]\nname = "edgis"\nversion = "1.2.3"\n' },
  manifest: '{ "version": "1.2.3" }',
  changelog: "# Changelog\n\n## 1.2.3, 2026-01-30\n\n- New.\n\n## 1.2.2, 2025-12-01\n",
};
const told = (changes) => versionsOf({ ...good, ...changes }, today);

test("versions that agree, and a day, are all it takes", () => {
  assert.deepEqual(told({}), { version: "1.2.3", problems: [], open: [] });
  const next = JSON.parse(JSON.stringify(good).replaceAll("1.2.3", "1.3.0-rc.1"));
  assert.deepEqual(versionsOf(next, today), { version: "1.3.0-rc.1", problems: [], open: [] });
});

test("a version that differs is refused with what to do about it", () => {
  assert.deepEqual(told({ manifest: '{ "version": "1.2.4" }' }).problems, [
    "Cargo.toml has the version 1.2.3 and pkg/package.json 1.2.4: write the same into both",
  ]);
  assert.deepEqual(told({ changelog: "## 1.2.2, 2025-12-01\n" }).problems, [
    "CHANGELOG.md begins with the version 1.2.2: write what is new under '## 1.2.3, 2026-01-31' above it",
  ]);
  const lock = good.locks["Cargo.lock"].replace("1.2.3", "1.2.0");
  assert.deepEqual(told({ locks: { "Cargo.lock": lock, "tests/fuzz/Cargo.lock": lock } }).problems, [
    "Cargo.lock has the version 1.2.0 and Cargo.toml 1.2.3: run 'cargo update edgis'",
    "tests/fuzz/Cargo.lock has the version 1.2.0 and Cargo.toml 1.2.3: run 'cargo update edgis' in tests/fuzz",
  ]);
  const short = JSON.parse(JSON.stringify(good).replaceAll("1.2.3", "1.2"));
  assert.deepEqual(versionsOf(short, today).problems, [
    "Cargo.toml has the version 1.2: write three numbers, as in 1.2.3",
  ]);
});

test("a changelog without a day is still to be done", () => {
  for (const heading of ["## 1.2.3, unreleased", "## 1.2.3", "## 1.2.3, 2026-02-30"]) {
    const { problems, open } = told({ changelog: `# Changelog\n\n${heading}\n` });
    assert.deepEqual([problems, open.length], [[], 1], heading);
    assert.match(open[0], /write '## 1\.2\.3, 2026-01-31' on the day$/);
  }
});

/** A checkout of its own, whose changelog has a day, and the package that was built here. */
function checkout(t) {
  const folder = mkdtempSync(join(tmpdir(), "edgis-release-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const tracked = execFileSync("git", ["ls-files", "-z"], { cwd: repository, encoding: "utf8" }).split("\0");
  const files = tracked.filter((file) => file !== "" && !file.startsWith("tests/fuzz/corpus/"));
  for (const file of [...files, "target/package/edgis.tgz"]) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    if (existsSync(join(repository, file))) cpSync(join(repository, file), join(folder, file));
  }
  const changelog = join(folder, "CHANGELOG.md");
  writeFileSync(changelog, readFileSync(changelog, "utf8").replace(/^(## [^\s,]+),.*$/m, "$1, 2026-01-31"));
  const git = (...args) => execFileSync("git", args, { cwd: folder, stdio: "pipe", encoding: "utf8" });
  git("init", "--quiet");
  const commit = () => {
    git("add", "--all");
    git("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "--message=all of it");
  };
  commit();
  const release = (...args) => {
    const run = spawnSync(process.execPath, ["scripts/release.mjs", ...args], { cwd: folder, encoding: "utf8" });
    return { ...run, said: run.stdout + run.stderr };
  };
  const change = (file, from, to) => {
    const text = readFileSync(join(folder, file), "utf8");
    assert.match(text, from);
    writeFileSync(join(folder, file), text.replace(from, to));
  };
  return { git, commit, release, change };
}

test("a checkout that is in order is played to the end, and nothing of it is published", (t) => {
  const { git, release } = checkout(t);
  const { version } = JSON.parse(readFileSync(join(repository, "pkg/package.json"), "utf8"));
  const { status, said } = release();
  assert.equal(status, 0, said);
  assert.match(said, new RegExp(`^npm    edgis ${version}: [\\d.]+ [kM]B, \\d+ files, tag latest$`, "m"));
  const [, size, files] = new RegExp(`^cargo  edgis ${version}: ([\\d.]+)KiB, (\\d+) files`, "m").exec(said);
  assert.ok(Number(size) < 200 && Number(files) < 80, said);
  assert.match(said, /Nothing was published\. What publishes \w+:\n {2}npm publish target\/package\/edgis\.tgz/);
  assert.equal(git("tag"), "");
});

test("a wrong version, a stale package, what is not committed and a taken tag are refused", (t) => {
  const { git, commit, release, change } = checkout(t);
  change("CHANGELOG.md", /^# Changelog/, "# Changes");
  git("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "--allow-empty", "--message=other");
  const { version } = JSON.parse(readFileSync(join(repository, "pkg/package.json"), "utf8"));
  git("tag", `v${version}`, "HEAD~1");
  const dirty = release();
  assert.equal(dirty.status, 1);
  assert.match(dirty.said, /there are changes that are not committed: commit them first/);
  assert.match(dirty.said, /is the tag of another commit: raise the version in Cargo\.toml and pkg\/package\.json/);
  assert.doesNotMatch(dirty.said, /What publishes/);
  change("pkg/package.json", /"version": ".*?"/, '"version": "99.0.0"');
  const wrong = release("--check");
  assert.deepEqual([wrong.status, wrong.stdout], [1, ""]);
  assert.match(wrong.said, /pkg\/package\.json 99\.0\.0: write the same into both/);
  for (const file of ["Cargo.toml", "Cargo.lock", "tests/fuzz/Cargo.lock"])
    change(file, /^(name = "edgis"\nversion = )".*?"/m, '$1"99.0.0"');
  change("CHANGELOG.md", /^## /m, "## 99.0.0, 2026-01-31\n\n## ");
  commit();
  const stale = release();
  assert.equal(stale.status, 1, stale.said);
  assert.match(stale.said, /edgis\.tgz holds the version .*: run 'make package'/);
});
