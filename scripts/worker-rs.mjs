// Builds examples/worker-rs without worker-build: cargo, wasm-bindgen, and the example's shim.

import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { at, run, step } from "./steps.mjs";

const folder = at("target/worker-rs");

/** The path of the Worker's main module, relative to the repository. */
export async function buildExample() {
  const inputs = [at("src"), at("examples/worker-rs"), at("Cargo.toml"), at("Cargo.lock"), at("scripts/worker-rs.mjs")];
  await step("worker-rs", inputs, [`${folder}/shim.mjs`], () => {
    const options = ["--profile", "example", "--target", "wasm32-unknown-unknown"];
    run("cargo", ["build", "--quiet", "--locked", "-p", "edgis-worker-rs", ...options]);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const compiled = at("target/wasm32-unknown-unknown/example/edgis_worker_rs.wasm");
    const output = ["--target", "web", "--omit-default-module-path", "--no-typescript", "--out-name", "worker"];
    run("wasm-bindgen", [...output, "--out-dir", `${folder}/bindgen`, compiled]);
    copyFileSync(at("examples/worker-rs/shim.mjs"), `${folder}/shim.mjs`);
  });
  return "target/worker-rs/shim.mjs";
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await buildExample();
