// Rules of the house that no linter has: hand-written files stay readable, and no file has the path of one machine.
import { readFileSync } from "node:fs";
import { at, run } from "./steps.mjs";

/** From here on a file is asked whether it is about one thing… */
const long = 500;
/** …and here it is refused: length should follow from what a file is about, not decide where code lives. */
const tooLong = 800;
const written = /\.(rs|ts|mjs|js|sh|md)$/;
const machinePath = /(?<![\w.)])\/(?:root|home\/\w+|Users\/\w+)\//;

const tracked = run("git", ["ls-files", "-z"], { quiet: true }).split("\0").filter(Boolean);
const [broken, warned] = [[], []];
for (const file of tracked) {
  if (file.startsWith("tests/corpus/") || file.endsWith("package-lock.json")) continue;
  let text;
  try {
    text = readFileSync(at(file), "utf8");
  } catch {
    continue; // Deleted, or a link to a folder.
  }
  const lines = text.split("\n").length - 1;
  if (written.test(file) && lines > tooLong) broken.push(`${file}: ${lines} lines, more than ${tooLong}`);
  else if (written.test(file) && lines > long) warned.push(`warning: ${file}: ${lines} lines; is it about one thing?`);
  if (machinePath.test(text) && file !== "scripts/house-rules.mjs") broken.push(`${file}: the path of one machine`);
}
for (const line of [...warned, ...broken]) console.error(line);
process.exit(broken.length === 0 ? 0 : 1);
