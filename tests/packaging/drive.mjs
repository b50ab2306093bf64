// Runs the Worker of the folder that it is started in, asks it for one step after the other, and says each as a line of
// JSON, as tests/packaging/app/probe.mjs does. Ends when the Worker has ended.
//   node drive.mjs miniflare|dev|deploy NODE_MODULES    with REDIS_URL, and VIA to go through a Durable Object
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import * as esbuild from "esbuild";

const [how, modules] = process.argv.slice(2);
const { REDIS_URL, VIA = "" } = process.env;
const bindings = { REDIS_URL, VIA };
const folder = process.cwd();
/** No account, no questions, no look at what is new. */
const quiet = {
  CI: "1",
  HOME: join(folder, "home"),
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_HIDE_BANNER: "true",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
};

function wrangler(args, heard) {
  const cli = join(modules, "wrangler/wrangler-dist/cli.js");
  const env = { ...process.env, ...quiet };
  const child = spawn(process.execPath, ["--no-warnings", cli, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      said += chunk;
      heard?.(said);
    });
  }
  const ended = new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0 ? resolve(said) : reject(new Error(`wrangler ended with ${code}\n${said}`)),
    );
  });
  return { child, ended };
}

/** `wrangler dev`, which bundles and runs. */
async function dev() {
  let ready;
  const listening = new Promise((resolve) => {
    ready = resolve;
  });
  const ports = ["--ip", "127.0.0.1", "--port", "0", "--inspector-port", "0"];
  const vars = Object.entries(bindings).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
  const { child, ended } = wrangler(["dev", ...ports, ...vars, "--show-interactive-dev-session=false"], (said) => {
    const found = /Ready on (http:\S+)/.exec(said);
    if (found !== null) ready(found[1]);
  });
  // Whatever ends us ends it.
  process.once("exit", () => child.kill());
  const base = await Promise.race([listening, ended.then((said) => Promise.reject(new Error(said)))]);
  const end = async () => {
    child.kill("SIGTERM");
    await ended.catch(() => {});
  };
  return { base, end };
}

/** What `wrangler deploy` would upload. */
async function deployed() {
  await wrangler(["deploy", "--dry-run", "--minify", "--outdir", "out"]).ended;
  const names = readdirSync(join(folder, "out")).filter((name) => /\.(?:js|wasm)$/.test(name));
  return names.map((name) => ({ name, contents: readFileSync(join(folder, "out", name)) }));
}

/** What a bundler makes that knows the runtime's conditions and leaves the module as it is. */
async function bundled() {
  const { outputFiles } = await esbuild.build({
    entryPoints: [join(folder, "worker.mjs")],
    outdir: join(folder, "out"),
    bundle: true,
    format: "esm",
    target: "es2022",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*"],
    loader: { ".wasm": "copy" },
    write: false,
    logLevel: "warning",
  });
  return outputFiles.map(({ path, contents }) => ({ name: path.slice(folder.length + 5), contents }));
}

async function miniflare(files) {
  const { Miniflare } = createRequire(join(modules, "x.js"))("miniflare");
  const worker = new Miniflare({
    modules: files
      .map(({ name, contents }) => ({
        path: name,
        type: name.endsWith(".wasm") ? "CompiledWasm" : "ESModule",
        contents: name.endsWith(".wasm") ? contents : Buffer.from(contents).toString(),
      }))
      .sort(({ type }) => (type === "ESModule" ? -1 : 1)),
    modulesRoot: "/",
    compatibilityDate: "2026-04-01",
    bindings,
    durableObjects: { REDIS: "Redis" },
    cf: false,
  });
  return { base: await worker.ready, end: () => worker.dispose() };
}

const start = {
  miniflare: async () => miniflare(await bundled()),
  deploy: async () => miniflare(await deployed()),
  dev,
};
const { base, end } = await start[how]();
for (const step of ["connected", "disabled"]) {
  const response = await fetch(new URL(step, base));
  const said = await response.text();
  if (!response.ok) throw new Error(`${step}: ${response.status} ${said.slice(0, 2_000)}`);
  console.log(said);
  // Another request would be another connection, which nobody is to count: its input ends with the server.
  for await (const _ of process.stdin);
}
await end();
