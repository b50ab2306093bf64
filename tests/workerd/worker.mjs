// Runs a worker under miniflare, bundled from the packed tarball as wrangler would, on one of three generations of workerd:
// WORKERD=newest|pinned|oldest for one of them alone.
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const requireOf = (tree) => createRequire(join(repository, "target/setup/npm", tree, "node_modules/x.js"));
const trees = {
  // Its own miniflare runs on newer versions of Node alone, and has other options.
  newest: { miniflare: "workerd", workerd: "workerd-newest" },
  pinned: { miniflare: "workerd", workerd: "workerd", date: "2026-04-01" },
  oldest: { miniflare: "workerd-oldest", workerd: "workerd-oldest", date: "2024-05-24" },
};
const only = process.env.WORKERD;
/** Generations of workerd. */
export const generations = only === undefined ? Object.keys(trees) : [only];

/** The latest compatibility date of a workerd. */
function dayOf({ version }) {
  const [, year, month, day] = /\.(\d{4})(\d\d)(\d\d)\./.exec(version);
  return `${year}-${month}-${day}`;
}

/** A generation's Miniflare, and the program that it is to run. */
function runtimeOf(generation) {
  const { miniflare, workerd, date = dayOf(requireOf(workerd)("workerd/package.json")) } = trees[generation];
  const require = requireOf(workerd);
  const program = createRequire(require.resolve("workerd/package.json")).resolve(
    `@cloudflare/workerd-${process.platform}-${process.arch === "x64" ? "64" : process.arch}/bin/workerd`,
  );
  return { Miniflare: requireOf(miniflare)("miniflare").Miniflare, program, date };
}

/** Layers that tell requests apart, as they would be where the runtime told them nothing: all requests are one. */
const silent = {
  span: "const one = {}; export const activeSpan = () => one; export const spanProbe = () => () => true;",
  pair: "export const pairProbe = () => () => true;",
  snapshot: "export const snapshotProbe = () => () => true;",
};

/** Takes the package from its sources, with layers silenced: what is shipped has no switch for that. */
const silence = (layers) => ({
  name: "silence",
  setup(build) {
    const entries = { "": "entry/workerd", "/workerd": "entry/workerd", "/cache": "cache/index" };
    build.onResolve({ filter: /^edgis(\/|$)/ }, ({ path }) => ({
      path: join(repository, "js", `${entries[path.slice("edgis".length)]}.ts`),
    }));
    build.onResolve({ filter: /edgis\.wasm$/ }, () => ({ path: join(repository, "pkg/dist/edgis.wasm") }));
    build.onLoad({ filter: /transport\/requests\/(span|pair|snapshot)\.ts$/ }, ({ path }) => {
      const [, name] = /(\w+)\.ts$/.exec(path);
      return layers.includes(name) ? { contents: silent[name] } : undefined;
    });
  },
});

/** Notes what a module asks of chance and of clocks before anything else of it runs. */
const watched = `globalThis.touched = [];
for (const [name, of] of [["random", Math], ["now", Date], ["now", performance]]) {
  const own = of[name];
  of[name] = (...args) => {
    globalThis.touched.push(name);
    of[name] = own;
    return own.apply(of, args);
  };
}`;

/** The bundle's code and its modules, as a Worker is uploaded. */
export async function bundle(source, { minify = false, loader = "copy", silenced } = {}) {
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
      banner: { js: watched },
      ...(silenced && { plugins: [silence(silenced)] }),
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
  { url, source = "tests/workerd/app.mjs", generation = only ?? "pinned", date, loader, silenced, ...options } = {},
) {
  const modules = await bundle(source, { loader, silenced });
  const problems = [];
  const { Miniflare, program, date: latest } = runtimeOf(generation);
  process.env.MINIFLARE_WORKERD_PATH = program;
  const miniflare = new Miniflare({
    modules: modules.sort((a) => (a.type === "ESModule" ? -1 : 1)),
    modulesRoot: "/",
    compatibilityDate: date ?? latest,
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
      .filter((line) => /different request|hung|Uncaught|unhandled/i.test(line))
      // The oldest says so of clients that gave up.
      .filter((line) => !/disconnected: (?:remote.)?worker_do_not_log/.test(line));
  return { get, complaints, said: () => problems.join(""), miniflare };
}
