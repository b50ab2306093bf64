// Every snippet of the README, of the npm package's and of the guides runs against a real Redis and prints what its comments
// promise; the references are complete; every link leads somewhere.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { createClient } from "edgis";
import { startRedis } from "edgis/testing";
import { documents, linesOf, promisedBy, read, root, snippetsOf } from "./snippets.mjs";
import { source } from "./source.mjs";

/** Kinds that run as they are. */
const extensions = { "": "mjs", commonjs: "cjs" };
/** Kinds that need more than Redis, and the tests that run them. */
const elsewhere = {
  worker: "tests/workerd/readme.test.mjs",
  vercel: "tests/packaging/examples.test.mjs",
  next: "tests/packaging/cells/next.mjs",
  ioredis: "tests/packaging/migrating.test.mjs",
  "node-redis": "tests/packaging/migrating.test.mjs",
  hono: "tests/ratelimit/docs.test.mjs",
  express: "tests/ratelimit/docs.test.mjs",
  fastify: "tests/ratelimit/docs.test.mjs",
};
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

for (const document of documents) {
  for (const [index, { kind, code }] of snippetsOf(read(document)).entries()) {
    if (!(kind in extensions)) continue;
    test(`${document}: snippet ${index + 1} prints what it promises`, async () => {
      const file = join(folder, `${document.replaceAll("/", "-")}-${index}.${extensions[kind]}`);
      writeFileSync(file, code);
      await client.call("FLUSHALL");
      const env = { ...process.env, REDIS_URL: redis.url };
      const { stdout } = await promisify(execFile)(process.execPath, [file], { env, timeout: 20_000 });
      assert.deepEqual(linesOf(stdout), promisedBy(code));
    });
  }
}

test("every snippet is run by some test", () => {
  const kinds = new Set(documents.flatMap((document) => snippetsOf(read(document)).map(({ kind }) => kind)));
  for (const kind of kinds) {
    if (kind in extensions) continue;
    assert.ok(kind in elsewhere, `no test runs snippets of the kind "${kind}"`);
    assert.ok(read(elsewhere[kind]).includes(kind), `${elsewhere[kind]} runs no such snippets`);
  }
  assert.ok(documents.flatMap((document) => snippetsOf(read(document))).length >= 30, "snippets went missing");
});

test("the README of the package stands on its own: what is not run here stands in a guide, and links are whole", () => {
  const guides = documents.filter((document) => document.startsWith("docs/"));
  const known = new Set(guides.flatMap((guide) => snippetsOf(read(guide)).map(({ code }) => code)));
  for (const { kind, code } of snippetsOf(read("pkg/README.md")))
    assert.ok(kind in extensions || known.has(code), code);
  for (const [, link] of linksOf(read("pkg/README.md"))) assert.match(link, /^https:/);
});

// ── References ────────────────────────────────────────────────────────────────────────────────────────────────────

const headings = (text, level) =>
  [...text.matchAll(new RegExp(`^${"#".repeat(level)} (.*)$`, "gm"))].map(([, it]) => it);
const sorted = (values) => [...values].sort();
/** The names in a union of string literals, as in `type State = "idle" | "ready"`. */
function union(path, name) {
  const [, body] = new RegExp(`type ${name} =([^;]*);`).exec(read(path));
  return [...body.matchAll(/"([\w-]+)"/g)].map(([, it]) => it);
}
/** The fields of an interface, nested ones with their path. */
function fieldsOf(path, name) {
  const [, body] = new RegExp(`interface ${name}[^{]*{\\n([\\s\\S]*?)\\n}`).exec(read(path));
  return [...body.matchAll(/^ {2}(\w+)\??:/gm)].map(([, it]) => it);
}
/** Whether a text names all of them in code. */
const names = (text, values) => values.filter((value) => !new RegExp(`\`[^\`\n]*\\b${value}\\b[^\`\n]*\``).test(text));

test("docs/errors.md has every kind, every code and every reason, and no other", async () => {
  const text = read("docs/errors.md");
  const [, kinds, reasons] = /^## Kinds and codes$([\s\S]*)^## Reasons$([\s\S]*?)^## /m.exec(text);
  assert.deepEqual(sorted(headings(kinds, 3)), sorted(union("js/core/errors.ts", "ErrorKind")));
  for (const kind of headings(kinds, 3).filter((name) => name !== "ReplyError")) {
    const code = `EDGIS${kind.slice(0, -5).replace(/[A-Z]/g, "_$&").toUpperCase()}`;
    assert.ok(kinds.includes(`### ${kind}\n\n\`code\`: \`${code}\``), code);
  }
  const { REASONS } = await source("core/abi.ts");
  const known = new Set([...REASONS, ...union("js/core/status.ts", "Reason")].filter((reason) => reason !== ""));
  assert.deepEqual(sorted(headings(reasons, 3)), sorted(known));
});

test("the guides name every option, and every reason to go without the cache", () => {
  const options = ["ClientOptions", "Timeouts", "Limits"].flatMap((name) => fieldsOf("js/client/types.ts", name));
  assert.ok(options.length > 20, "options were found");
  assert.deepEqual(names(read("docs/client.md"), options), []);
  const cache = read("docs/cache.md");
  assert.deepEqual(names(cache, fieldsOf("js/cache/types.ts", "CacheOptions")), []);
  for (const reason of union("js/cache/types.ts", "FallbackReason"))
    assert.ok(cache.includes(`| \`${reason}\` |`), reason);
  for (const outcome of union("js/cache/types.ts", "Outcome")) assert.ok(cache.includes(`| \`${outcome}\` |`), outcome);
});

// ── Links ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const withoutCode = (text) =>
  text.replaceAll(/^```[\s\S]*?^```$/gm, "").replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]]/g, ""));
const linksOf = (text) => [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)];
/** As GitHub makes them of headings. */
const anchorsOf = (text) =>
  new Set(
    [...text.replaceAll(/^```[\s\S]*?^```$/gm, "").matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );

const others = ["ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "tests/bench/README.md"];
const { homepage } = JSON.parse(read("pkg/package.json"));
const home = homepage.replace(/#.*/, "");

for (const document of [...documents, ...others]) {
  test(`${document}: every link leads somewhere`, () => {
    for (const [, link] of linksOf(read(document))) {
      // The project's own pages by their address, for readers on npm and docs.rs.
      const own = link.replace(`${home}/blob/main/`, "/").replace(new RegExp(`^${home}(?=#|$)`), "/README.md");
      if (/^https?:/.test(own)) continue;
      const [path, anchor] = own.split("#");
      const file =
        path === "" ? document : path.startsWith("/") ? path.slice(1) : normalize(join(dirname(document), path));
      assert.ok(existsSync(join(root, file)), `${link}: there is no ${file}`);
      if (anchor === undefined || anchor === "readme") continue;
      assert.ok(anchorsOf(read(file)).has(anchor), `${link}: ${file} has no such heading`);
    }
  });
}
