// How Deno runs a test file, and what it says in the end. Its test runner ends a test whose event loop has nothing to keep
// it going, as an idle connection: so this is the file that it runs, and it keeps the loop going.
import { executable } from "./runtimes.mjs";

const own = import.meta.filename;
export const command = () => [executable("deno"), "test", "--allow-all", "--no-check", "--v8-flags=--expose-gc", own];
export const counts = { passed: /\| (\d+) passed/, failed: /\| (\d+) failed/, skipped: /\| (\d+) ignored/ };

if (globalThis.Deno !== undefined) {
  setInterval(() => {}, 1_000);
  await import(process.env.EDGIS_TEST_FILE);
}
