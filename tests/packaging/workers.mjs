// Workers on three generations of Cloudflare's runtime, each under the wrangler that brought it:
//
//   newest   tests/packaging/workerd-newest; it wants Node 22 and runs on the Node 24 of tests/packaging/runtimes
//   pinned   tests/packaging/workerd; the one whose miniflare other tests call directly
//   oldest   tests/packaging/workerd-oldest; of May 2024, which has neither importable env nor bound snapshots
//
//   startWorker(generation, options)   `wrangler dev`: bundles a Worker and runs it. See the function for the options.
//     { base, ask(path, init), get(path, init), said(), complaints(), end() }
//       base: its URL; ask: fetch within a limit of 30 s, and the answer's text; get: the same, and its JSON; said: all that
//       wrangler and the Worker printed; complaints: the lines of it by which a runtime tells that it has refused something;
//       end: stops it, and waits until it is gone. What ends this process ends it, too.
//   startBuilt(generation, path, vars) the same for a Worker that was built already, by its wrangler.json
//   uploaded(generation, options)      what `wrangler deploy` would upload: [{ path, type, contents }], as miniflare takes it
//   versions(generation)               { wrangler, miniflare, workerd }; throws where it is not installed
//   generations                        the three names
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "edgis/testing";
import { executable } from "../js/runtimes.mjs";
import { environment, installed, versionOf } from "./app.mjs";

const repository = fileURLToPath(new URL("../..", import.meta.url));
/** Where each is installed, below tests/packaging. */
export const trees = { newest: "workerd-newest", pinned: "workerd", oldest: "workerd-oldest" };
const STARTING = 60_000;
const ENDING = 10_000;

export const generations = Object.keys(trees);

export function versions(generation) {
  const of = (name) => versionOf(trees[generation], name);
  return { wrangler: of("wrangler"), miniflare: of("miniflare"), workerd: of("workerd") };
}

/** The day of the runtime, which is the latest compatibility date that it takes without a word. */
export function dayOf(generation) {
  const [, year, month, day] = /\.(\d{4})(\d\d)(\d\d)\./.exec(versions(generation).workerd);
  return `${year}-${month}-${day}`;
}

/** The Node that a generation's wrangler runs on: the newest refuses the oldest that edgis allows. */
export const nodeOf = (generation) => (generation === "newest" ? executable("node-24") : process.execPath);

/** A command line of a generation's wrangler. */
const wrangler = (generation, args) => [
  nodeOf(generation),
  "--no-warnings",
  installed(trees[generation], "node_modules/wrangler/wrangler-dist/cli.js"),
  // Where JSON was an experiment it had to be asked for.
  ...(generation === "oldest" ? ["--experimental-json-config"] : []),
  ...args,
];

/** No account, no questions, no look at what is new; one's own home, in which wrangler looks for other Workers. */
const quiet = (home) => ({
  CI: "1",
  HOME: home,
  XDG_CONFIG_HOME: home,
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_HIDE_BANNER: "true",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
});

/** A folder below target/, where Workers find the packages that tests here do; gone with this process. */
const folders = new Set();
function ownFolder() {
  mkdirSync(join(repository, "target"), { recursive: true });
  const folder = mkdtempSync(join(repository, "target/worker-"));
  folders.add(folder);
  return folder;
}

/** Programs that run, each the leader of its group: workerd is in it. */
const running = new Set();
const endGroup = (child, signal) => {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended.
  }
};
// Their groups are not the terminal's, and without this a signal would end us before we could tell them.
for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
process.on("exit", () => {
  for (const child of running) endGroup(child, "SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function start(command, { cwd, heard }) {
  const [program, ...args] = command;
  const env = environment(quiet(join(cwd, "home")));
  const child = spawn(program, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      said += chunk;
      heard?.(said);
    });
  }
  const ended = new Promise((done) => {
    child.once("error", (error) => done(error.message));
    child.once("close", (code, signal) => done(signal ?? code));
  }).finally(() => running.delete(child));
  return { child, ended, said: () => said };
}

/** Writes a Worker's configuration, and gives its path. */
function configure(
  folder,
  generation,
  { name = "worker", main, date, flags = [], vars = {}, objects = {}, config = {} },
) {
  const bindings = Object.entries(objects).map(([binding, className]) => ({ name: binding, class_name: className }));
  const classes = [...new Set(Object.values(objects))];
  const all = {
    name,
    main: resolve(repository, main),
    compatibility_date: date ?? dayOf(generation),
    compatibility_flags: flags,
    vars,
    ...(bindings.length > 0 && {
      durable_objects: { bindings },
      migrations: [{ tag: "v1", new_classes: classes }],
    }),
    ...config,
  };
  const path = join(folder, `${name}.json`);
  writeFileSync(path, JSON.stringify(all, null, 2));
  return path;
}

/**
 * Runs a Worker. `main` is a file, as a path of the repository or an absolute one; `date` (the runtime's own day), `flags`,
 * `vars`, `objects` (Durable Objects: class by binding), `name` ("worker"), and `config`, what else its wrangler.json holds.
 * `beside`: other Workers, with the same options and names of their own, for service bindings.
 */
export async function startWorker(generation, { beside = [], ...options }) {
  const workers = [options, ...beside];
  // The oldest wrangler runs one Worker. Its miniflare runs several, of which it knows what wrangler would upload.
  const alone = generation === "oldest" && beside.length > 0;
  return answering(await (alone ? playTogether(generation, workers) : develop(generation, workers)));
}

/** Runs the Worker that the configuration at `path` describes, such as a framework's build left behind; `vars` as above. */
export async function startBuilt(generation, path, vars) {
  return answering(await serve(generation, ownFolder(), [path], vars));
}

/** A running Worker with what asks it. */
function answering({ base, said, end }) {
  const ask = async (path, { limit = 30_000, ...init } = {}) => {
    // Otherwise an error is a page of HTML.
    const headers = { ...init.headers, "MF-Disable-Pretty-Error": "true" };
    const signal = AbortSignal.timeout(limit);
    const response = await fetch(new URL(path, base), { signal, ...init, headers });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text.slice(0, 300)}`);
    return text;
  };
  const get = async (path, init) => JSON.parse(await ask(path, init));
  const complaints = () =>
    said()
      .split("\n")
      .filter((line) => /different request|hung|Uncaught|unhandled/i.test(line));
  return { base, ask, get, said, complaints, end };
}

function develop(generation, workers) {
  const folder = ownFolder();
  return serve(
    generation,
    folder,
    workers.map((one) => configure(folder, generation, one)),
  );
}

/** `wrangler dev` of Workers by the paths of their configurations, in a folder of one's own. */
async function serve(generation, folder, paths, vars = {}) {
  const configs = paths.flatMap((path) => ["--config", path]);
  const more = Object.entries(vars).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
  // An address of one's own choice: the oldest does not tell which one it took for port 0.
  const port = String(await freePort());
  const where = ["--ip", "127.0.0.1", "--port", port, "--inspector-port", "0", "--show-interactive-dev-session=false"];
  let ready;
  const listening = new Promise((done) => {
    ready = done;
  });
  const heard = (said) => {
    const found = /Ready on (http:\S+)/.exec(said);
    if (found !== null) ready(found[1]);
  };
  const { child, ended, said } = start(wrangler(generation, ["dev", ...configs, ...where, ...more]), {
    cwd: folder,
    heard,
  });
  const end = async () => {
    endGroup(child, "SIGTERM");
    const forced = setTimeout(() => endGroup(child, "SIGKILL"), ENDING);
    await ended;
    clearTimeout(forced);
    endGroup(child, "SIGKILL");
    rmSync(folder, { recursive: true, force: true });
    folders.delete(folder);
  };
  const late = setTimeout(() => ready(undefined), STARTING);
  const base = await Promise.race([listening, ended.then(() => undefined)]);
  clearTimeout(late);
  if (base === undefined) {
    await end();
    throw new Error(`wrangler ${versions(generation).wrangler} did not start\n${said()}`);
  }
  return { base, said, end };
}

async function playTogether(generation, workers) {
  const { Miniflare } = createRequire(installed(trees[generation], "x.js"))("miniflare");
  let said = "";
  const played = workers.map(async ({ name, date, flags = [], vars = {}, objects = {}, config = {}, ...rest }) => ({
    name,
    modules: await uploaded(generation, { name, date, flags, vars, objects, config, ...rest }),
    modulesRoot: "/",
    compatibilityDate: date ?? dayOf(generation),
    compatibilityFlags: flags,
    bindings: vars,
    durableObjects: {
      ...objects,
      ...Object.fromEntries(
        (config.durable_objects?.bindings ?? []).map(({ name: binding, class_name, script_name }) => [
          binding,
          { className: class_name, scriptName: script_name },
        ]),
      ),
    },
    serviceBindings: Object.fromEntries(
      (config.services ?? []).map(({ binding, service, entrypoint }) => [binding, { name: service, entrypoint }]),
    ),
  }));
  const miniflare = new Miniflare({
    workers: await Promise.all(played),
    host: "127.0.0.1",
    cf: false,
    handleRuntimeStdio: (...streams) => {
      for (const stream of streams) {
        stream.on("data", (chunk) => {
          said += chunk;
        });
      }
    },
  });
  return { base: String(await miniflare.ready), said: () => said, end: () => miniflare.dispose() };
}

/** Bundles a Worker as for the network. Takes the options of startWorker, and `minify`. */
export async function uploaded(generation, { minify = false, ...options }) {
  const folder = ownFolder();
  try {
    const config = configure(folder, generation, options);
    const out = join(folder, "out");
    const args = ["deploy", "--dry-run", ...(minify ? ["--minify"] : []), "--outdir", out, "--config", config];
    const { ended, said } = start(wrangler(generation, args), { cwd: folder });
    const code = await ended;
    if (code !== 0) throw new Error(`wrangler ended with ${code}\n${said()}`);
    const names = readdirSync(out).filter((name) => /\.(?:m?js|wasm)$/.test(name));
    return names
      .map((path) => ({
        path,
        type: path.endsWith(".wasm") ? "CompiledWasm" : "ESModule",
        contents: path.endsWith(".wasm") ? readFileSync(join(out, path)) : readFileSync(join(out, path), "utf8"),
      }))
      .sort(({ type }) => (type === "ESModule" ? -1 : 1));
  } finally {
    rmSync(folder, { recursive: true, force: true });
    folders.delete(folder);
  }
}
