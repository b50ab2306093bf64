// The documents that users read, and the snippets in them.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const read = (path) => readFileSync(join(root, path), "utf8");

/** Paths of the README, the README of the package, and the guides. */
export const documents = [
  "README.md",
  "pkg/README.md",
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

/** The JavaScript of a document: `kind` and `where` follow `js` on the fence, as in "js next app/page.js". */
export const snippetsOf = (text) =>
  [...text.matchAll(/^```js(?: ([\w-]+))?(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(([, kind = "", where, code]) => ({
    kind,
    where,
    code,
  }));

/** The comments behind `console.log(…);`, in order: the output that a snippet promises. */
export const promisedBy = (code) => [...code.matchAll(/console\.log\(.*\); \/\/ (.*)/g)].map(([, line]) => line);

/** The lines that a snippet printed, without those of edgis's logger. */
export const linesOf = (stdout) => stdout.split("\n").filter((line) => line !== "" && !line.startsWith("[edgis]"));
