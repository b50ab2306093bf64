import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

// The rule by which an import of wasm is a module comes with the configuration of wrangler.
const workers = cloudflareTest({
  wrangler: { configPath: "./wrangler.json" },
  miniflare: { bindings: { REDIS_URL: process.env.REDIS_URL } },
});

export default defineConfig({ plugins: [workers] });
