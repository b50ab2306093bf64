// Which of the emitted declarations a user's compiler reads, and how. Those of the engine's insides stay out of the package.
import { existsSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";

const specifiers = /(?:\bfrom\s*|\bimport\s*\(?\s*)["']([^"']+)["']/g;

/** The declarations reachable from `roots`, by path below `folder`; throws when one needs a module users do not have. */
export function shippedDeclarations(folder, roots) {
  const shipped = new Map();
  const open = [...roots];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (shipped.has(file)) continue;
    const path = join(folder, file);
    if (!existsSync(path)) throw new Error(`The declaration ${file} is missing.`);
    const text = readFileSync(path, "utf8");
    shipped.set(file, text);
    for (const [, name] of text.matchAll(specifiers)) {
      if (name.startsWith(".")) open.push(posix.join(posix.dirname(file), name).replace(/\.js$/, ".d.ts"));
      else if (name.startsWith("#")) throw new Error(`The shipped declaration ${file} needs ${name}, which is ours.`);
    }
  }
  return shipped;
}

const commonJs = (path) => path.replace(/\.(?:d\.ts|js)$/, (end) => (end === ".js" ? ".cjs" : ".d.cts"));

/**
 * The same for both kinds of modules, from one copy: `import` and `require()` give one and the same types. They stand in
 * files of CommonJS, which an ES module may take from, and not the other way round; each of the `roots` has one that does.
 */
export function forBothKinds(declarations, roots) {
  const shipped = new Map();
  for (const [file, text] of declarations) {
    const named = text.replaceAll(specifiers, (clause, name) =>
      name.startsWith(".") ? clause.replace(name, commonJs(name)) : clause,
    );
    shipped.set(commonJs(file), named);
  }
  for (const file of roots) shipped.set(file, `export * from "./${posix.basename(file, ".d.ts")}.cjs";\n`);
  return shipped;
}
