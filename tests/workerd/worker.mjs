// Runs a worker under miniflare, bundled from the packed tarball as wrangler would.
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const installed = join(repository, "target/setup/npm/workerd/node_modules");
const { Miniflare } = createRequire(`${installed}/x.js`)("miniflare");

/** The bundle's code and its modules, as a Worker is uploaded. */
export async function bundle(source, { minify = false, loader = "copy" } = {}) {
  const outdir = mkdtempSync(join(repository, "target/worker-"));
  try {
    const { outputFiles } = await esbuild.build({
      entryPoints: [join(repository, source)],
      outdir,
      bundle: true,
      minify,
      format: "esm",
      target: "es2022",
      conditions: ["workerd", "worker", "browser"],
      external: ["cloudflare:*"],
      loader: { ".wasm": loader },
      write: false,
      logLevel: "warning",
    });
    return outputFiles.map(({ path, contents, text }) => ({
      path: path.slice(outdir.length + 1),
      type: path.endsWith(".wasm") ? "CompiledWasm" : "ESModule",
      contents: path.endsWith(".wasm") ? contents : text,
    }));
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

/** A running worker; `get` asks it for a path and gives its answer. It ends with the test. */
export async function startWorker(
  t,
  { url, source = "tests/workerd/app.mjs", date = "2026-04-01", loader, ...options } = {},
) {
  const modules = await bundle(source, { loader });
  const problems = [];
  const miniflare = new Miniflare({
    modules: modules.sort((a) => (a.type === "ESModule" ? -1 : 1)),
    modulesRoot: "/",
    compatibilityDate: date,
    bindings: { REDIS_URL: url },
    durableObjects: { OBJECT: "Counter" },
    handleRuntimeStdio: (stdout, stderr) => {
      for (const stream of [stdout, stderr]) stream.on("data", (chunk) => problems.push(String(chunk)));
    },
    ...options,
  });
  t.after(() => miniflare.dispose());
  const base = await miniflare.ready;
  const get = async (path, init) => {
    const response = await fetch(new URL(path, base), init);
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text.slice(0, 300)}`);
    return JSON.parse(text);
  };
  /** What the runtime complained of. */
  const complaints = () =>
    problems
      .join("")
      .split("\n")
      .filter((line) => /different request|hung|Uncaught|unhandled/i.test(line));
  return { get, complaints, said: () => problems.join(""), miniflare };
}
