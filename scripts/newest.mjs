// Makes a pinned package.json ask for the newest of everything: node scripts/newest.mjs FOLDER
//
// What "held" names stays within its major version, where a newer one is another thing to test or does not go with the rest;
// "held": true keeps the whole file as it is. An alias stays within its major version, too: its name says which one it is.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [folder] = process.argv.slice(2);
const path = join(folder, "package.json");
const manifest = JSON.parse(readFileSync(path, "utf8"));
const { held = [] } = manifest;

const major = (version) => /^\d+/.exec(version)[0];

function newest(name, version) {
  const alias = /^npm:(.+)@(.+)$/.exec(version);
  if (alias !== null) {
    const [, of, pinned] = alias;
    // The oldest Node that the package allows is to be that very one.
    if (name.startsWith("node-20")) return version;
    return `npm:${of}@${name.startsWith("node-newest") ? "latest" : major(pinned)}`;
  }
  return held.includes(name) ? major(version) : "latest";
}

if (held !== true) {
  for (const kind of ["dependencies", "optionalDependencies"])
    for (const [name, version] of Object.entries(manifest[kind] ?? {})) manifest[kind][name] = newest(name, version);
  writeFileSync(path, `${JSON.stringify(manifest, null, 2)}\n`);
  rmSync(join(folder, "package-lock.json"), { force: true });
}
