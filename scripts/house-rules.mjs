// Rules of the house that no linter has: no hand-written file over 500 lines, no path of one machine.
import { readFileSync } from "node:fs";
import { at, run } from "./steps.mjs";

const longest = 500;
const written = /\.(rs|ts|mjs|js|sh|md)$/;
const machinePath = /(?<![\w.)])\/(?:root|home\/\w+|Users\/\w+)\//;

const tracked = run("git", ["ls-files", "-z"], { quiet: true }).split("\0").filter(Boolean);
const broken = [];
for (const file of tracked) {
  if (file.startsWith("tests/corpus/") || file.endsWith("package-lock.json")) continue;
  let text;
  try {
    text = readFileSync(at(file), "utf8");
  } catch {
    continue; // Deleted, or a link to a folder.
  }
  const lines = text.split("\n").length - 1;
  if (written.test(file) && lines > longest) broken.push(`${file}: ${lines} lines, more than ${longest}`);
  if (machinePath.test(text) && file !== "scripts/house-rules.mjs") broken.push(`${file}: the path of one machine`);
}
for (const line of broken) console.error(line);
process.exit(broken.length === 0 ? 0 : 1);
