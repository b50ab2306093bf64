// What a user downloads, and what a user ships.

import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { cache, modules, tarball } from "./install.mjs";

const manifest = (name) => JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8"));

/** A package and all it depends on, as far as it is installed here (native packages: this platform's alone). */
function closure(name, seen = new Set()) {
  if (seen.has(name) || !existsSync(join(modules, name, "package.json"))) return seen;
  seen.add(name);
  const { dependencies, optionalDependencies } = manifest(name);
  for (const dependency of Object.keys({ ...dependencies, ...optionalDependencies })) closure(dependency, seen);
  return seen;
}

function packed(name) {
  if (name === "edgis" && existsSync(tarball)) return statSync(tarball).size;
  const tar = execFileSync("tar", ["-cf", "-", "--exclude=node_modules", "-C", modules, name], { maxBuffer: 2 ** 29 });
  return gzipSync(tar, { level: 6 }).length;
}

/** Bundles a one-line program that imports the client, minified, and gzips every file that comes out of it. */
async function bundled(name, symbol) {
  const esbuild = createRequire(join(cache, "package.json"))("esbuild");
  const dir = mkdtempSync(join(cache, "bundle-"));
  try {
    const entry = join(dir, "entry.mjs");
    writeFileSync(entry, `import { ${symbol} } from ${JSON.stringify(name)};\nconsole.log(${symbol});\n`);
    const outdir = join(dir, "out");
    mkdirSync(outdir);
    await esbuild.build({
      entryPoints: [entry],
      outdir,
      bundle: true,
      minify: true,
      platform: "node",
      format: "esm",
      // a native addon is left out here: it shows in the tarballs with dependencies
      loader: { ".wasm": "file", ".node": "empty" },
      logLevel: "silent",
    });
    const files = readdirSync(outdir).map((file) => readFileSync(join(outdir, file)));
    const sum = (weigh) => files.reduce((total, file) => total + weigh(file), 0);
    return { minified: sum((file) => file.length), gzip: sum((file) => gzipSync(file, { level: 9 }).length) };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

export async function measureSize(client) {
  const packages = [...closure(client.package)];
  return {
    tarball: packed(client.package),
    withDependencies: packages.reduce((sum, name) => sum + packed(name), 0),
    packages: packages.length,
    ...(await bundled(client.package, client.imports)),
  };
}
