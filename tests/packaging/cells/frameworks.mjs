// Frameworks on Cloudflare's runtime: an app of each is built by its own tools, and served by the newest wrangler.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startRedis } from "edgis/testing";
import { observe } from "../../js/observer.mjs";
import { executable } from "../../js/runtimes.mjs";
import { appWith, runProgram, versionOf } from "../app.mjs";
import { drawn, treeOf } from "../drawn.mjs";
import { startBuilt } from "../workers.mjs";

const LIMIT = 280_000;
const quiet = {
  CI: "1",
  ASTRO_TELEMETRY_DISABLED: "1",
  NEXT_TELEMETRY_DISABLED: "1",
  NUXT_TELEMETRY_DISABLED: "1",
  WRANGLER_SEND_METRICS: "false",
};

/** All want Node 22. Programs that they start by the name of node get the same one. */
async function build(folder, command, more = {}) {
  const node = executable("node-24");
  const env = { ...quiet, ...more, PATH: `${join(node, "..")}:${process.env.PATH}` };
  const [file, ...args] = command;
  await runProgram([node, join("node_modules", file), ...args], {
    cwd: folder,
    env,
    limit: LIMIT,
  });
}

/** Every app counts with each visit, on a page and by a route. */
async function visit(app, observer) {
  const asked = 22;
  const counted = [];
  const page = async () => {
    const text = await app.ask("/");
    const [, count] = /id="count"[^>]*>(?:<!-- -->|<!--\[-->|\s)*(\d+)/.exec(text) ?? [];
    assert.ok(count !== undefined, `no count on the page: ${text.slice(0, 500)}`);
    counted.push(Number(count));
  };
  const route = async () => counted.push((await app.get("/count")).count);
  for (let i = 0; i < 3; i += 1) {
    await page();
    await route();
  }
  await Promise.all(Array.from({ length: 8 }, () => [page(), route()]).flat());
  assert.deepEqual(
    counted.sort((a, b) => a - b),
    Array.from({ length: asked }, (_, i) => i + 1),
  );
  assert.equal(await observer.ask("GET", "count"), String(asked));
  for (let i = 0; i < 400 && (await observer.others()).length > 0; i += 1) await sleep(25);
  assert.deepEqual(await observer.others(), [], "connections that outlive their requests");
}

async function played(config, look) {
  const redis = await startRedis();
  const observer = await observe(redis);
  let app;
  try {
    app = await startBuilt("newest", config, { REDIS_URL: redis.url });
    await look(app, observer);
    assert.deepEqual(app.complaints(), []);
  } catch (error) {
    throw new Error(`${error.message}\n${app?.said() ?? ""}`);
  } finally {
    await app?.end();
    observer.close();
    await redis.stop();
  }
}

/** `tool` builds the app in framework-apps/`source`, and leaves the configuration of a Worker at `config`. */
const framework = ({ name, source, tree = treeOf(name), dependency, tool, config }) => ({
  name: `${name}, workerd`,
  version: () => versionOf(tree, dependency),
  run: async () => {
    const folder = await appWith(join("framework-apps", source), tree);
    if (tool !== undefined) await build(folder, tool);
    await played(join(folder, config), visit);
  },
});

/** Presets that name the condition workerd as well, on hosts that are none: what they bundle must load there. */
const elsewhere = (preset) => ({
  name: `Nitro 2, ${preset}`,
  version: () => versionOf("nuxt", "nitropack"),
  run: async () => {
    const folder = await appWith("framework-apps/nitro-edge", "nuxt");
    await build(folder, ["nitropack/dist/cli/index.mjs", "build"], { NITRO_PRESET: preset });
    const bundles = readdirSync(join(folder, "built/server"), { recursive: true }).filter((name) =>
      /\.m?[jt]s$/.test(name),
    );
    const code = bundles.map((name) => readFileSync(join(folder, "built/server", name), "utf8")).join("\n");
    assert.match(code, /edgis\.engine/);
    assert.doesNotMatch(code, /(?:from|import)\s*\(?"cloudflare:/);
  },
});

/** Without the setting that it needs, OpenNext bundles the entry for Node: that has to be said. */
const inlined = {
  name: "OpenNext, workerd, edgis inlined",
  version: () => versionOf("opennext", "@opennextjs/cloudflare"),
  run: async () => {
    const folder = await appWith("framework-apps/opennext", "opennext");
    await build(folder, opennext, { INLINED: "1" });
    await played(join(folder, "wrangler.jsonc"), async (app) => {
      const { state, reason, hint } = await app.get("/status");
      assert.deepEqual([state, reason], ["disabled", "wasm"]);
      assert.match(hint, /serverExternalPackages/);
    });
  },
};

/** Bundlers that know the runtime's condition, and leave the core to wrangler. */
const bundled = (name, dependency) => ({
  name: `${name}, workerd`,
  version: () => versionOf("bundlers", dependency),
  run: async () => {
    const folder = await appWith("bundled-worker", "bundlers");
    await runProgram([process.execPath, "build.mjs", dependency], { cwd: folder });
    await played(join(folder, "wrangler.json"), visit);
  },
});

const vite = ["vite/bin/vite.js", "build"];
const opennext = ["@opennextjs/cloudflare/dist/cli/index.js", "build"];

const hono = framework({
  name: "Hono",
  source: "hono",
  tree: "workers-tools",
  dependency: "hono",
  config: "wrangler.json",
});

const frameworks = {
  "React Router": [
    framework({
      name: "React Router",
      source: "react-router",
      dependency: "react-router",
      tool: ["@react-router/dev/bin.cjs", "build"],
      config: "build/server/wrangler.json",
    }),
  ],
  SvelteKit: [
    framework({
      name: "SvelteKit",
      source: "sveltekit",
      dependency: "@sveltejs/kit",
      tool: vite,
      config: "wrangler.json",
    }),
  ],
  Astro: [
    framework({
      name: "Astro",
      source: "astro",
      dependency: "astro",
      tool: ["astro/bin/astro.mjs", "build"],
      config: "dist/server/wrangler.json",
    }),
  ],
  Nitro: [
    framework({
      name: "Nitro",
      source: "nitro",
      dependency: "nitro",
      tool: ["nitro/dist/cli/index.mjs", "build"],
      config: ".output/server/wrangler.json",
    }),
    ...["vercel-edge", "netlify-edge", "deno-deploy"].map(elsewhere),
  ],
  Nuxt: [
    framework({
      name: "Nuxt",
      source: "nuxt",
      dependency: "nuxt",
      tool: ["nuxt/bin/nuxt.mjs", "build"],
      config: ".output/server/wrangler.json",
    }),
  ],
  OpenNext: [
    framework({
      name: "OpenNext",
      source: "opennext",
      dependency: "@opennextjs/cloudflare",
      tool: opennext,
      config: "wrangler.jsonc",
    }),
    inlined,
  ],
};

/** A user's suite of tests inside of the runtime. */
async function vitest() {
  const folder = await appWith("vitest-app", "workers-tools");
  const redis = await startRedis();
  try {
    const file = join(folder, "told.json");
    const args = ["run", "--reporter=json", `--outputFile=${file}`];
    await build(folder, ["vitest/vitest.mjs", ...args], { REDIS_URL: redis.url });
    const { numPassedTests, numTotalTests } = JSON.parse(readFileSync(file, "utf8"));
    assert.deepEqual([numPassedTests, numTotalTests], [13, 13]);
  } finally {
    await redis.stop();
  }
}

export const cells = [
  bundled("webpack", "webpack"),
  bundled("Rspack", "@rspack/core"),
  hono,
  { name: "Vitest in workerd", version: () => versionOf("workers-tools", "@cloudflare/vitest-plugin"), run: vitest },
  ...drawn.flatMap((name) => frameworks[name]),
];
