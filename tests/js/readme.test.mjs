// Every JavaScript snippet of the README and of the npm package's runs against a real Redis and prints what its comments say.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createClient } from "edgis";
import { startRedis } from "edgis/testing";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (path) => readFileSync(join(root, path), "utf8");
const [readme, packaged] = [read("README.md"), read("pkg/README.md")];
/** The snippets of a document: [of which kind, text]. */
const snippetsOf = (text) => [...text.matchAll(/```js ?(\w*)\n([\s\S]*?)```/g)].map(([, kind, code]) => [kind, code]);
/** Those that run as they are; tests of their own run the others. */
const extensions = { "": "mjs", commonjs: "cjs" };
// Below the repository, so that "edgis" is found as a user's program finds it.
const folder = mkdtempSync(join(root, "target/readme-"));
let redis;
let client;

before(async () => {
  redis = await startRedis();
  client = createClient({ url: redis.url, logger: false });
});
after(async () => {
  await client.close();
  await redis.stop();
  rmSync(folder, { recursive: true });
});

/** The comments behind `console.log(…);`, in order. */
const promised = (text) => [...text.matchAll(/console\.log\(.*\); \/\/ (.*)/g)].map(([, line]) => line);

for (const [name, text] of Object.entries({ README: readme, "README of the package": packaged })) {
  const snippets = snippetsOf(text).filter(([kind]) => kind in extensions);
  assert.ok(snippets.length >= 3, `the ${name} has lost its snippets`);
  for (const [index, [kind, code]] of snippets.entries()) {
    test(`${name}: snippet ${index + 1} prints what it promises`, async () => {
      const file = join(folder, `${name.replaceAll(" ", "-")}-${index}.${extensions[kind]}`);
      writeFileSync(file, code);
      await client.call("FLUSHALL");
      const env = { ...process.env, REDIS_URL: redis.url };
      const { stdout } = await promisify(execFile)(process.execPath, [file], { env, timeout: 20_000 });
      const lines = stdout.split("\n").filter((line) => line !== "" && !line.startsWith("[edgis]"));
      assert.deepEqual(lines, promised(code));
    });
  }
}

test("the README of the package stands on its own: what is not run here stands in the other, and links are whole", () => {
  const elsewhere = new Set(snippetsOf(readme).map(([, code]) => code));
  for (const [kind, code] of snippetsOf(packaged)) assert.ok(kind in extensions || elsewhere.has(code), code);
  const links = [...packaged.matchAll(/\]\(([^)]+)\)/g)].map(([, link]) => link);
  const anchors = new Set(
    [...readme.matchAll(/^#+ (.*)$/gm)].map(([, title]) => title.toLowerCase().replaceAll(" ", "-")),
  );
  const { homepage } = JSON.parse(read("pkg/package.json"));
  for (const link of links) {
    const { origin, pathname, hash } = new URL(link);
    assert.ok(homepage.startsWith(origin + pathname.split("/").slice(0, 3).join("/")), link);
    if (hash !== "" && hash !== "#readme") assert.ok(anchors.has(hash.slice(1)), link);
  }
});
