// Bundlers, each building an app for Node with the package inside of the bundle. The bundle runs in a folder without
// node_modules.
import { cpSync } from "node:fs";
import { join } from "node:path";
import { installed, linkPackages, newFolder, npmApp, runProgram, versionOf } from "../app.mjs";
import { behaves } from "../watch.mjs";

let shared;
/** One app with all bundlers in its node_modules. */
function bundlersApp() {
  shared ??= npmApp("bundlers").then((folder) => {
    linkPackages(folder, installed("bundlers", "node_modules"));
    return folder;
  });
  return shared;
}

const built = (bundler, output, how = bundler) => ({
  name: `${how.replace("-", ", ")}, ${output.endsWith(".mjs") ? "ESM" : "CommonJS"}`,
  version: () => versionOf("bundlers", bundler),
  run: async () => {
    const folder = await bundlersApp();
    const file = join(`built-${how}`, output);
    await runProgram([process.execPath, "build.mjs", how, file], { cwd: folder });
    const alone = newFolder();
    cpSync(join(folder, file), join(alone, output));
    await behaves([process.execPath, output], { cwd: alone });
  },
});

const served = (how) => ({
  name: `Vite dev, the package ${how}`,
  version: () => versionOf("bundlers", "vite"),
  run: async () => behaves([process.execPath, "dev.mjs", how], { cwd: await bundlersApp() }),
});

export const cells = [
  built("esbuild", "main.mjs"),
  built("esbuild", "main.cjs"),
  built("esbuild", "main.mjs", "esbuild-neutral"),
  built("rollup", "main.mjs"),
  built("rollup", "main.cjs"),
  built("rollup", "main.mjs", "rollup-defaults"),
  built("parcel", "main.cjs"),
  built("vite", "main.mjs"),
  served("external"),
  served("bundled"),
  built("webpack", "main.cjs"),
];
