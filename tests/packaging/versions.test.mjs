// Two versions of the package in one process, from tarballs that were installed as a user would: those that agree on the
// engine's number share one, the others keep engines and connections of their own. CONTRIBUTING.md says what it means.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { startRedis } from "edgis/testing";
import { observe } from "../js/observer.mjs";

const tarball = fileURLToPath(new URL("../../target/package/edgis.tgz", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "edgis-versions-"));
const engine = 'Symbol.for("edgis.engine.1")';
let server;
let observer;

const npm = (args, cwd) => execFileSync("npm", args, { cwd, stdio: "pipe", encoding: "utf8" });

/** The tarball of another version, whose engine has this number. */
function otherVersion(version, number) {
  const source = join(folder, `source-${version}`);
  mkdirSync(source, { recursive: true });
  execFileSync("tar", ["-xzf", tarball, "-C", source, "--strip-components=1"]);
  const manifest = join(source, "package.json");
  writeFileSync(manifest, JSON.stringify({ ...JSON.parse(readFileSync(manifest, "utf8")), version }));
  let named = 0;
  for (const name of readdirSync(join(source, "dist")).filter((file) => /\.c?js$/.test(file))) {
    const file = join(source, "dist", name);
    const text = readFileSync(file, "utf8");
    named += text.split(engine).length - 1;
    writeFileSync(file, text.replaceAll(engine, engine.replace("1", number)));
  }
  assert.ok(named >= 5, `the engine is named in ${named} places`);
  npm(["pack", "--pack-destination", folder], source);
  return join(folder, `edgis-${version}.tgz`);
}

/** A package that has this one installed, with an ES module and a CommonJS module that hand it on. */
function install(name, file) {
  const app = join(folder, name);
  mkdirSync(app);
  writeFileSync(join(app, "package.json"), '{ "private": true }');
  npm(["install", "--offline", "--no-audit", "--no-fund", "--no-package-lock", "--no-save", file], app);
  writeFileSync(join(app, "esm.mjs"), 'export * as edgis from "edgis";\nexport * as testing from "edgis/testing";\n');
  writeFileSync(
    join(app, "cjs.cjs"),
    'exports.edgis = require("edgis");\nexports.testing = require("edgis/testing");\nexports.version = require("edgis/package.json").version;\n',
  );
}

before(async () => {
  install("one", tarball);
  install("same", otherVersion("98.0.0", "1"));
  install("other", otherVersion("99.0.0", "2"));
  server = await startRedis();
  observer = await observe(server);
});
after(async () => {
  observer.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a program that has both, as `one` and `two`; gives the JSON of its last line. */
function play(second, [how, howTwo], program) {
  const file = join(folder, "program.mjs");
  const named = { esm: "esm.mjs", cjs: "cjs.cjs" };
  const load = (name, kind) =>
    kind === "esm" ? `await import("./${name}/${named[kind]}")` : `require("./${name}/${named[kind]}")`;
  writeFileSync(
    file,
    `import { createRequire } from "node:module";
     const require = createRequire(import.meta.url);
     let unhandled = 0;
     process.on("unhandledRejection", () => { unhandled += 1; });
     const one = ${load("one", how)};
     const two = ${load(second, howTwo)};
     const engines = () => [1, 2].map((number) => globalThis[Symbol.for("edgis.engine." + number)] !== undefined);
     const clientOf = ({ edgis }, options) => edgis.createClient({ url: process.env.URL_OF_TEST, logger: false, ...options });
     const caught = (promise) => promise.catch((error) => error);
     ${program}`,
  );
  const { NODE_TEST_CONTEXT, REDIS_URL, REDIS_URI, ...env } = process.env;
  const ended = spawnSync(process.execPath, [file], {
    env: { ...env, URL_OF_TEST: server.url },
    encoding: "utf8",
    timeout: 60_000,
  });
  assert.equal(ended.status, 0, `${ended.signal ?? ended.status}\n${ended.stdout}\n${ended.stderr.slice(0, 2_000)}`);
  return JSON.parse(ended.stdout.trim().split("\n").at(-1));
}

test("the tarballs are of different versions", () => {
  const versions = ["one", "same", "other"].map((name) =>
    execFileSync(process.execPath, ["-p", `require("./${name}/cjs.cjs").version`], { cwd: folder, encoding: "utf8" }),
  );
  assert.deepEqual(versions.slice(1), ["98.0.0\n", "99.0.0\n"]);
  assert.doesNotMatch(versions[0], /^9[89]\./);
});

const ways = [
  ["esm", "esm"],
  ["cjs", "cjs"],
  ["esm", "cjs"],
  ["cjs", "esm"],
];

const everyDay = `
const [a, b] = [clientOf(one), clientOf(two)];
const key = "versions:" + process.pid;
await Promise.all([a.incr(key), b.incr(key)]);
await Promise.all(Array.from({ length: 50 }, (_, i) => (i % 2 ? a : b).incr(key)));
const counted = await a.get(key);
const lines = (await b.clientList()).trim().split("\\n").length;
const stats = [a.stats(), b.stats()].map(({ dials, handles }) => ({ dials, handles }));
const errors = await Promise.all([a, b].map((client) => caught(client.call("NOSUCH"))));
const known = errors.flatMap((error) => [one, two].flatMap(({ edgis }) => [edgis.isRedisError(error), error instanceof edgis.ReplyError]));
await a.close();
const after = await b.get(key);
const states = [a.status().state, b.status().state];
await b.close();
console.log(JSON.stringify({ counted, lines, stats, known, after, states, engines: engines(), unhandled }));
`;

for (const [how, howTwo] of ways) {
  test(`with one number, by ${how} and ${howTwo}: one engine, one connection`, async () => {
    const told = play("same", [how, howTwo], everyDay);
    const shared = { dials: 1, handles: 2 };
    assert.deepEqual(told, {
      counted: "52",
      lines: 2, // The observer's is one of them.
      stats: [shared, shared],
      known: Array(8).fill(true),
      after: "52",
      states: ["closed", "ready"],
      engines: [true, false],
      unhandled: 0,
    });
    await observer.othersBecome(0);
  });

  test(`with different numbers, by ${how} and ${howTwo}: each has its own engine and connection`, async () => {
    const told = play("other", [how, howTwo], everyDay);
    const own = { dials: 1, handles: 1 };
    assert.deepEqual(told, {
      counted: "52",
      lines: 3,
      stats: [own, own],
      known: Array(8).fill(true),
      after: "52",
      states: ["closed", "ready"],
      engines: [true, true],
      unhandled: 0,
    });
    await observer.othersBecome(0);
  });
}

test("with different numbers what happens to one does not happen to the other", async () => {
  const told = play(
    "other",
    ["esm", "cjs"],
    `const proxy = await one.testing.faultProxy(process.env.URL_OF_TEST);
     const a = clientOf(one);
     const b = clientOf(two, { url: proxy.url, timeouts: { connect: 300, command: 300 } });
     await Promise.all([a.set("k", "v"), b.set("k", "v")]);
     const links = () => [a, b].map((client) => client.stats().connects);
     // One core dies.
     const { core } = globalThis[Symbol.for("edgis.engine.2")];
     core.calls.submit = () => { throw new Error("a trap"); };
     const died = (await caught(b.get("k"))).kind;
     const alive = [await a.get("k"), await b.get("k")];
     const afterDeath = links()[0];
     // One registry is reset.
     two.testing.resetRegistry();
     const reset = [a.status().state, b.status().state];
     const afterReset = [await a.get("k"), await b.get("k")];
     // One server is away.
     await proxy.down();
     const away = [(await caught(b.set("k", "v"))).kind, (await b.init()).state, await a.get("k"), a.status().state];
     await proxy.heal();
     await b.ready();
     const back = [await b.get("k"), links()[0]];
     await Promise.all([a.close(), b.close(), proxy.close()]);
     console.log(JSON.stringify({ died, alive, afterDeath, reset, afterReset, away, back, unhandled }));`,
  );
  const { away, ...rest } = told;
  assert.deepEqual(rest, {
    died: "InternalError",
    alive: ["v", "v"],
    afterDeath: 1,
    reset: ["ready", "idle"],
    afterReset: ["v", "v"],
    back: ["v", 1],
    unhandled: 0,
  });
  assert.deepEqual(away.slice(1), ["disabled", "v", "ready"]);
  assert.ok(["ConnectionLostError", "DisabledError"].includes(away[0]), away[0]);
});

test("with one number a core that dies is replaced for both, and one reset is everybody's", async () => {
  const told = play(
    "same",
    ["cjs", "esm"],
    `const [a, b] = [clientOf(one), clientOf(two)];
     await a.set("k", "v");
     globalThis[Symbol.for("edgis.engine.1")].core.calls.submit = () => { throw new Error("a trap"); };
     const died = await Promise.all([caught(a.get("k")), caught(b.get("k"))]);
     const alive = await Promise.all([a.get("k"), b.get("k")]);
     two.testing.resetRegistry();
     const reset = [a.status().state, b.status().state];
     const afterReset = await Promise.all([a.get("k"), b.get("k")]);
     const lines = (await a.clientList()).trim().split("\\n").length;
     await Promise.all([a.close(), b.close()]);
     console.log(JSON.stringify({ died: died.map(({ kind }) => kind), alive, reset, afterReset, lines, unhandled }));`,
  );
  assert.deepEqual(told, {
    died: ["InternalError", "InternalError"],
    alive: ["v", "v"],
    reset: ["idle", "idle"],
    afterReset: ["v", "v"],
    lines: 2,
    unhandled: 0,
  });
});
