// Builds examples/worker-rs without worker-build: cargo, wasm-bindgen, and the example's shim. And, the same way, a Worker
// that the tests run besides.
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { at, run, step } from "./steps.mjs";

const folder = at("target/worker-rs");
const compiled = at("target/wasm32-unknown-unknown/example");

const shim = `import { fetch, initSync } from "./bindgen/worker.js";
import module from "./bindgen/worker_bg.wasm";

initSync({ module });

export default { fetch };
`;

function bind(wasm, name) {
  const output = ["--target", "web", "--omit-default-module-path", "--no-typescript", "--out-name", "worker"];
  run("wasm-bindgen", [...output, "--out-dir", `${folder}/${name}/bindgen`, wasm]);
}

/** The paths of the Workers' main modules, relative to the repository. */
export async function buildWorkers() {
  const sources = ["src", "examples/worker-rs", "tests/workerd/kept.rs", "Cargo.toml", "Cargo.lock"].map((path) =>
    at(path),
  );
  const outputs = ["example", "kept"].map((name) => `${folder}/${name}/shim.mjs`);
  await step("worker-rs", [...sources, at("scripts/worker-rs.mjs")], outputs, () => {
    const targets = ["-p", "edgis-worker-rs", "--lib", "--examples"];
    const options = ["--profile", "example", "--target", "wasm32-unknown-unknown"];
    run("cargo", ["build", "--quiet", "--locked", ...targets, ...options]);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    bind(`${compiled}/edgis_worker_rs.wasm`, "example");
    copyFileSync(at("examples/worker-rs/shim.mjs"), outputs[0]);
    bind(`${compiled}/examples/kept.wasm`, "kept");
    writeFileSync(outputs[1], shim);
  });
  return { example: "target/worker-rs/example/shim.mjs", kept: "target/worker-rs/kept/shim.mjs" };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await buildWorkers();
