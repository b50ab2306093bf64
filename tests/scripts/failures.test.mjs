// What scripts/test.mjs tells in the end of each test that failed.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { Failures } from "../../scripts/failures.mjs";

function told(output) {
  const failures = new Failures();
  for (const line of output.split("\n")) failures.take(line);
  return failures.told();
}

test("of node:test: the names once, and the messages, cut", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "edgis-failures-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [tests, broken] = ["a.test.mjs", "b.test.mjs"].map((name) => join(folder, name));
  writeFileSync(
    tests,
    `import assert from "node:assert/strict";
     import test from "node:test";
     test("one that passes", () => {});
     test("one with a message", () => assert.ok(false, "said " + "x".repeat(1_000)));
     test("one without", () => assert.deepEqual([1], [2]));
     test("one that hangs", { timeout: 50 }, () => new Promise((resolve) => setTimeout(resolve, 500)));`,
  );
  writeFileSync(broken, 'throw new Error("at load")');
  // One that runs in a test runner would report to it.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const args = ["--test", "--test-reporter=spec", tests, broken];
  const { stdout } = spawnSync(process.execPath, args, { encoding: "utf8", env });
  const lines = told(stdout);
  const names = lines.filter((line) => line.startsWith("✖")).map((line) => line.replace(/ \([\d.]+ms\)$/, ""));
  assert.deepEqual(names, ["✖ one with a message", "✖ one without", "✖ one that hangs", `✖ ${broken}`]);
  const said = lines.find((line) => line.includes("said"));
  assert.equal(said.length, 300);
  assert.ok(lines.some((line) => line.includes("deep-equal")) && lines.some((line) => line.includes("timed out")));
  assert.deepEqual(
    lines.filter((line) => /^\s*at /.test(line)),
    [],
    "no stacks",
  );
});

test("of the other runners", () => {
  const bun =
    "10 | assert.ok(\n   ^\nerror: boom\nsecond\n      at <anonymous> (a.mjs:3:46)\n(fail) plain [0.42ms]\n\n 0 pass";
  assert.deepEqual(told(bun), ["error: boom", "second", "(fail) plain [0.42ms]"]);
  const deno =
    " ERRORS \n\nstrict => a.mjs:4:1\nerror: Error: boom\n    at f\n\n FAILURES \n\nstrict => a.mjs:4:1\n\nFAILED";
  assert.deepEqual(told(deno), ["strict => a.mjs:4:1", "error: Error: boom"]);
  const rust =
    "---- drain::one stdout ----\nthread 'drain::one' panicked at src/a.rs:1:2:\nleft: 1\nnote: run with `RUST_BACKTRACE=1`\n\nfailures:\n    drain::one";
  assert.deepEqual(told(rust), ["drain::one", "thread 'drain::one' panicked at src/a.rs:1:2:", "left: 1"]);
  const cell = `${"Next.js, webpack".padEnd(34)} ${"16.4.6".padEnd(10)} ${"failed".padEnd(11)} ${"12.3".padStart(5)} s`;
  assert.deepEqual(told(`cell\n${cell}\n    no answer`), [cell, "    no answer"]);
});

test("of a suite that broke off: what it said last", () => {
  assert.deepEqual(told("one\n\n\x1b[31mtwo\x1b[0m\ncargo ended with 101"), ["one", "two", "cargo ended with 101"]);
});
