export default {
  compatibilityDate: "2026-09-01",
  telemetry: false,
  nitro: {
    preset: "cloudflare_module",
    cloudflare: { deployConfig: true, wrangler: { name: "nuxt" } },
    // Without it Nitro has no module to give.
    experimental: { wasm: true },
  },
};
