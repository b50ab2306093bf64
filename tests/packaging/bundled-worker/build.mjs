// Bundles worker.mjs by webpack or by Rspack, which takes the same options: node build.mjs webpack|@rspack/core
import { copyFileSync } from "node:fs";
import { resolve } from "node:path";

const { default: pack } = await import(process.argv[2]);
const options = {
  mode: "production",
  target: "es2022",
  entry: resolve("worker.mjs"),
  output: { path: resolve("built"), filename: "worker.js", library: { type: "module" }, chunkFormat: "module" },
  experiments: { outputModule: true },
  resolve: { conditionNames: ["workerd", "worker", "import"] },
  // Left to wrangler, which makes the core a module.
  externalsType: "module",
  externals: [/^cloudflare:/, /\.wasm$/],
};
const stats = await new Promise((done, fail) => {
  pack(options, (error, result) => (error === null ? done(result) : fail(error)));
});
if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString());
copyFileSync(resolve("node_modules/edgis/dist/edgis.wasm"), resolve("built/edgis.wasm"));
