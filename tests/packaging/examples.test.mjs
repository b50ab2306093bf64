// The examples of edgis/testing, run as a user would: copied somewhere, with the packed tarball installed.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { startRedis } from "edgis/testing";
import { snippetsOf } from "../js/snippets.mjs";
import { copied, installOthers, linkOther, pinned, read, repository, run } from "./copies.mjs";

/** Breaks the app of a copied example: it no longer does without Redis. */
function sabotage(folder) {
  const file = join(folder, "product.mjs");
  const text = read(file);
  writeFileSync(file, text.replace(".catch(() => null)", ""));
  assert.notEqual(read(file), text);
}

test("the example for node:test passes, and fails when its app does", async (t) => {
  const folder = copied(t, "testing-node");
  const { good, text } = await run(process.execPath, ["--test"], folder);
  assert.ok(good, text);
  assert.match(text, /pass 5\n/);
  sabotage(folder);
  const broken = await run(process.execPath, ["--test"], folder);
  assert.equal(broken.good, false, broken.text);
});

test("the example for Vitest passes, and fails when its app does", async (t) => {
  installOthers();
  const folder = copied(t, "testing-vitest");
  const wanted = JSON.parse(read(join(folder, "package.json"))).devDependencies;
  const { vitest: version } = JSON.parse(read(join(pinned, "package.json"))).dependencies;
  assert.deepEqual(wanted, { vitest: version }, "one version is pinned");
  linkOther("vitest", folder);
  const vitest = join(folder, "node_modules/vitest/vitest.mjs");
  const { good, text } = await run(process.execPath, [vitest, "run"], folder);
  assert.ok(good, text);
  assert.match(text, /5 passed/);
  sabotage(folder);
  const broken = await run(process.execPath, [vitest, "run"], folder);
  assert.equal(broken.good, false, broken.text);
});

/** A function on Vercel: its context is where @vercel/functions looks for it, and it is awake as long as it has promised. */
const onVercel = `
import { AsyncLocalStorage } from "node:async_hooks";
const requests = new AsyncLocalStorage();
globalThis[Symbol.for("@vercel/request-context")] = { get: () => requests.getStore() };
const { redis } = await import("./redis.mjs");
const awake = [];
async function request(work) {
  const promised = [];
  const reply = await requests.run({ waitUntil: (promise) => promised.push(promise) }, work);
  awake.push(promised.length);
  await Promise.all(promised);
  return reply;
}
await Promise.all([request(() => redis.set("k", "v")), request(() => redis.incr("n"))]);
const { state } = redis.status();
const reply = await request(() => redis.get("k"));
console.log(JSON.stringify({ awake, state, reply, after: redis.status().state, dials: redis.stats().dials }));
`;

test("attached as in docs/nextjs.md, the connection is closed before Vercel suspends the function", async (t) => {
  installOthers();
  const folder = copied(t, "testing-node");
  linkOther("@vercel/functions", folder);
  const guide = snippetsOf(read(join(repository, "docs/nextjs.md")));
  const { code: recipe } = guide.find(({ kind }) => kind === "vercel");
  const brief = recipe.replace("const idle = 5_000", "const idle = 200").replace("idle + 3_000", "idle + 1_000");
  assert.notEqual(brief, recipe);
  writeFileSync(join(folder, "redis.mjs"), brief);
  writeFileSync(join(folder, "app.mjs"), onVercel);
  const server = await startRedis();
  t.after(() => server.stop());
  const env = { REDIS_URL: server.url, VERCEL_URL: "app.example", VERCEL_REGION: "fra1" };
  const { good, text } = await run(process.execPath, ["app.mjs"], folder, env);
  assert.ok(good, text);
  const { awake, ...rest } = JSON.parse(text.split("\n").findLast((line) => line.startsWith("{")));
  assert.deepEqual(rest, { state: "idle", reply: "v", after: "idle", dials: 2 });
  assert.ok(awake.length === 3 && awake[2] === 1 && awake[0] + awake[1] >= 1, `promises: ${awake}`);
});

test("both examples test the same app", () => {
  const [one, other] = ["node", "vitest"].map((name) => read(join(repository, `examples/testing-${name}/product.mjs`)));
  assert.equal(one, other);
});
