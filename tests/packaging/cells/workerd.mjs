// Cloudflare's runtime: under miniflare, and with all that wrangler does to a Worker.
import { cpSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installed, npmApp, versionOf } from "../app.mjs";
import { behaves } from "../watch.mjs";
import { nodeOf, trees } from "../workers.mjs";

const here = fileURLToPath(new URL("..", import.meta.url));
const drive = join(here, "drive.mjs");

const worker = (name, tool, how, env, generation = "pinned") => ({
  name,
  version: () => versionOf(trees[generation], tool),
  run: async () => {
    const cwd = join(await npmApp("workerd"), generation + how + (env?.VIA ?? ""));
    cpSync(join(here, "workerd-app"), cwd, { recursive: true });
    const modules = installed(trees[generation], "node_modules");
    // Two on each side of the relay, which share an isolate here.
    const crossings = env === undefined ? 2 : 4;
    // Workers do not say why an address does not answer.
    await behaves([nodeOf(generation), drive, how, modules], { cwd, env, crossings, reason: "unreachable" });
  },
});

export const cells = [
  worker("workerd, miniflare", "miniflare", "miniflare"),
  worker("workerd, wrangler dev", "wrangler", "dev"),
  worker("workerd, wrangler deploy --dry-run", "wrangler", "deploy"),
  worker("workerd, Durable Object, miniflare", "miniflare", "miniflare", { VIA: "object" }),
  worker("workerd, Durable Object, wrangler", "wrangler", "dev", { VIA: "object" }),
  worker("workerd, newest wrangler", "wrangler", "dev", undefined, "newest"),
  worker("workerd, Durable Object, newest wrangler", "wrangler", "dev", { VIA: "object" }, "newest"),
];
