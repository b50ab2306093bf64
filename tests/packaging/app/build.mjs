// Bundles main.mjs for Node, the package included: node build.mjs BUNDLER OUTPUT
import { basename, dirname, resolve } from "node:path";

const [bundler, output] = process.argv.slice(2);
const input = resolve("main.mjs");
const esm = output.endsWith(".mjs");

const builders = {
  async esbuild() {
    const { build } = await import("esbuild");
    const format = esm ? "esm" : "cjs";
    await build({ entryPoints: [input], outfile: output, bundle: true, minify: true, platform: "node", format });
  },

  /** For no platform at all: no condition says where it is to run. */
  async "esbuild-neutral"() {
    const { build } = await import("esbuild");
    await build({
      entryPoints: [input],
      outfile: output,
      bundle: true,
      platform: "neutral",
      format: esm ? "esm" : "cjs",
    });
  },

  async rollup(options = { exportConditions: ["node"], preferBuiltins: true }) {
    const { rollup } = await import("rollup");
    const { nodeResolve } = await import("@rollup/plugin-node-resolve");
    const plugins = [nodeResolve(options)];
    const onLog = (_, { message }) => {
      throw new Error(message);
    };
    const bundle = await rollup({ input, plugins, external: /^node:/, onLog });
    await bundle.write({ file: output, format: esm ? "es" : "cjs", inlineDynamicImports: true });
    await bundle.close();
  },

  "rollup-defaults": () => builders.rollup({}),

  /** It reads no exports map unless it is told to. */
  async parcel() {
    const { Parcel } = await import("@parcel/core");
    const targets = {
      main: { context: "node", includeNodeModules: true, distDir: dirname(output), distEntry: basename(output) },
    };
    await new Parcel({
      entries: input,
      defaultConfig: "@parcel/config-default",
      targets,
      mode: "production",
      shouldDisableCache: true,
    }).run();
  },

  async vite() {
    const { build } = await import("vite");
    await build({
      configFile: false,
      logLevel: "warn",
      ssr: { noExternal: true },
      build: { ssr: input, outDir: dirname(output), rollupOptions: { output: { entryFileNames: basename(output) } } },
    });
  },

  async webpack() {
    const { default: webpack } = await import("webpack");
    const stats = await new Promise((done, fail) => {
      const options = {
        mode: "production",
        target: "node20",
        entry: input,
        output: { path: dirname(resolve(output)), filename: basename(output) },
      };
      webpack(options, (error, result) => (error === null ? done(result) : fail(error)));
    });
    if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString());
  },
};

await builders[bundler]();
