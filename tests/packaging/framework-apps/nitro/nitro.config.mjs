export default {
  preset: "cloudflare_module",
  compatibilityDate: "2026-09-01",
  serverDir: "./",
  cloudflare: { deployConfig: true, wrangler: { name: "nitro" } },
  // Without it Nitro has no module to give.
  experimental: { wasm: true },
};
