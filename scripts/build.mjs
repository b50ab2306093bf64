// Builds the npm package's files: Rust core -> target/wasm, TypeScript shell -> pkg/dist.
//
//   src/*.rs --cargo--> .wasm --wasm-bindgen, wasm-opt--> target/wasm/edgis.wasm
//                                  target/wasm/glue.js   "#glue"        instantiate(module): a fresh instance a call
//                                  target/wasm/bytes.js  "#wasm-bytes"  the module's bytes as text
//   js/entry/*.ts --esbuild--> pkg/dist/*.js, *.cjs,  --tsc--> pkg/dist/types
//
// "#glue" and "#wasm-bytes" are entries of "imports" in package.json, which Node, TypeScript and esbuild all follow, so
// sources name the generated modules without knowing where they are. An entry for a runtime that may not compile wasm
// from bytes must not reach "#wasm-bytes"; a shipped declaration must reach neither.
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import { forBothKinds, shippedDeclarations } from "./declarations.mjs";
import { glueSource, glueTypes } from "./glue.mjs";
import { at, files, kilobytes, run, step } from "./steps.mjs";

/**
 * One bundle a line; which runtime takes which is said by "exports" in pkg/package.json. Sources of one line share what
 * they have in common, in a file of its own: that saves the package a copy, and costs an import a file. Those of CommonJS
 * cannot.
 */
const entries = [
  { name: "node", sources: { node: "js/entry/node.ts" }, platform: "node", target: "node20", shortLocals: true },
  { name: "any", sources: { any: "js/entry/any.ts" }, platform: "node", target: "es2022", shortLocals: true },
  {
    name: "cloudflare",
    sources: {
      workerd: "js/entry/workerd.ts",
      nitro: "js/entry/nitro.ts",
      "durable-object": "js/entry/durable-object.ts",
    },
    platform: "neutral",
    target: "es2022",
  },
  {
    name: "absent",
    sources: { browser: "js/entry/browser.ts", "edge-light": "js/entry/edge-light.ts" },
    platform: "neutral",
    target: "es2022",
  },
  { name: "cache", sources: { cache: "js/cache/index.ts" }, platform: "neutral", target: "es2022" },
  { name: "ratelimit", sources: { ratelimit: "js/ratelimit/index.ts" }, platform: "neutral", target: "es2022" },
  { name: "testing", sources: { testing: "js/testing/index.ts" }, platform: "node", target: "node20" },
  {
    name: "diagnosis",
    sources: { doctor: "js/doctor/index.ts", edgis: "js/cli/edgis.ts" },
    platform: "node",
    target: "node20",
  },
  {
    name: "commonjs",
    sources: {
      any: "js/entry/any.ts",
      browser: "js/entry/browser.ts",
      "edge-light": "js/entry/edge-light.ts",
      cache: "js/cache/index.ts",
      ratelimit: "js/ratelimit/index.ts",
      testing: "js/testing/index.ts",
    },
    format: "cjs",
    inject: ["js/entry/codecs.ts"],
    // esbuild writes down for Node which names an import of such a module finds.
    platform: "node",
    target: "es2022",
    shortLocals: true,
  },
];

/**
 * Entries for Workers, where no require() gives the core as a module. Bundlers take the ES module for it, and compilers of
 * CommonJS want a file that the declarations are of. And the doctor, which is asked by hand: Node's require() takes ES modules.
 */
const forwarded = ["workerd", "durable-object", "doctor"];

// The features that rustc uses and all supported runtimes have; wasm-opt refuses features that are not listed.
const wasmFeatures = [
  "simd",
  "bulk-memory",
  "bulk-memory-opt",
  "nontrapping-float-to-int",
  "reference-types",
  "multivalue",
  "sign-ext",
  "mutable-globals",
];

// What is marked #[inline(always)] is inlined as ever, and of the rest what is hardly larger than its call: the cold code
// stands in the module once, which makes it an eighth smaller and the first command quicker to compile. Loops stay
// loops: the few that are hot take several bytes a step as they are written.
const compact = ["-Cllvm-args=--inline-threshold=10", "-Cllvm-args=--unroll-threshold=1", "-Cno-vectorize-loops"];

// WebAssembly has no standard error, so nobody would read the message of a panic: a panic is a bare trap here, which the
// shell catches (`Engine.enter`), and the code that words it is not in the module. The standard library as it is shipped
// has that code compiled in, so this builds one from the toolchain's source. Cargo and rustc call both flags unstable, and
// RUSTC_BOOTSTRAP lets a stable toolchain take them. Without `trapping` and `ownStd` all works as well, with a module that
// is a sixth larger.
const trapping = ["-Zunstable-options", "-Cpanic=immediate-abort"];
const ownStd = "-Zbuild-std=std,panic_abort";

// Apart from what tests and clippy compile against the standard library as it is shipped.
const compiled = at("target/core/wasm32-unknown-unknown/release/edgis.wasm");
const wasm = at("target/wasm/edgis.wasm");
const sizes = (bytes) => `${kilobytes(bytes.length)}, gzip ${kilobytes(gzipSync(bytes, { level: 9 }).length)}`;

function compile() {
  // The paths of source files that end up in the module would carry that of this machine's cargo home.
  const cargoHome = process.env.CARGO_HOME ?? `${homedir()}/.cargo`;
  // All tests pass with an eighth of it; the usual megabyte would be half of what a module takes. Beyond it is no memory at
  // all: to overflow it is a trap.
  const stack = "-Clink-arg=-zstack-size=131072";
  const flags = [`--remap-path-prefix=${cargoHome}=cargo`, stack, ...compact, ...trapping];
  const env = { CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS: flags.join(" "), RUSTC_BOOTSTRAP: "1" };
  const args = ["--lib", "--release", "--locked", "--target", "wasm32-unknown-unknown", "--features", "js"];
  run("cargo", ["--quiet", "build", ...args, "--target-dir", at("target/core"), ownStd], { env });
}

async function bindAndOptimise() {
  const bindings = at("target/wasm/bindgen");
  rmSync(bindings, { recursive: true, force: true });
  mkdirSync(bindings, { recursive: true });
  const output = ["--target", "web", "--omit-default-module-path", "--out-name", "edgis", "--out-dir", bindings];
  run("wasm-bindgen", [...output, compiled]);
  const features = wasmFeatures.map((name) => `--enable-${name}`);
  // The stack is at the bottom of memory: nothing else has an address below 1024. Runs of zeros compress to nothing, while
  // each segment that is cut at one has a head.
  const passes = ["-O3", "--converge", "--low-memory-unused", "--skip-pass=memory-packing"];
  // A function with one caller is inlined only if it is small: V8 compiles whole functions, at their first call.
  passes.push("--one-caller-inline-max-function-size=300", "--flexible-inline-max-function-size=10");
  passes.push("--strip-producers", "--strip-target-features", "--strip-debug");
  run("wasm-opt", [...features, ...passes, `${bindings}/edgis_bg.wasm`, "-o", wasm]);
  copyFileSync(`${bindings}/edgis.d.ts`, at("target/wasm/bindgen.d.ts"));
  const bytes = readFileSync(wasm);
  writeFileSync(at("target/wasm/bytes.js"), bytesSource(bytes));
  writeFileSync(at("target/wasm/bytes.d.ts"), bytesTypes);
  writeFileSync(at("target/wasm/glue.js"), await glueSource(`${bindings}/edgis.js`));
  writeFileSync(at("target/wasm/glue.d.ts"), glueTypes("./bindgen.js"));
  return sizes(bytes);
}

// Base64 hides the module's repetitions from gzip, which makes it a third larger on the wire; Brotli goes first.
function bytesSource(bytes) {
  return `export const wasmBrotliBase64 = "${brotliCompressSync(bytes).toString("base64")}";\n`;
}

const bytesTypes = `/** The module, compressed with Brotli, base64. */
export const wasmBrotliBase64: string;
`;

const extension = (format) => (format === "cjs" ? ".cjs" : ".js");

/** Node prints the line in which an uncaught error was made. */
const lineLimit = 160;

async function bundle({ name, sources, format = "esm", inject = [], platform, target, shortLocals = false }) {
  const options = {
    entryPoints: Object.entries(sources).map(([out, source]) => ({ in: at(source), out })),
    outdir: at("pkg/dist"),
    outExtension: { ".js": extension(format) },
    splitting: format === "esm" && Object.keys(sources).length > 1,
    chunkNames: name,
    bundle: true,
    format,
    inject: inject.map((source) => at(source)),
    platform,
    target,
    // Modules of the runtime, and the wasm module where it is shipped beside the bundle.
    external: ["cloudflare:*", "./edgis.wasm", "./edgis.wasm?module", "edgis"],
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit,
    legalComments: "none",
    sourcemap: "external",
    metafile: true,
    write: false,
    logLevel: "warning",
  };
  // esbuild has said by then what is wrong.
  const built = await esbuild.build(options).catch(() => process.exit(1));
  let code = "";
  for (const { path, text } of built.outputFiles.filter((file) => !file.path.endsWith(".map"))) {
    const map = built.outputFiles.find((file) => file.path === `${path}.map`).text;
    const written = shortLocals ? await withShortLocals({ text, map }, { target, lineLimit }) : { text, map };
    replaceFile(path, written.text);
    // The map is for us: it is as large as the bundle and stays out of the package.
    replaceFile(at("target/maps", `${basename(path)}.map`), written.map);
    code += written.text;
  }
  replaceFile(at("target/maps", `${name}.meta.json`), JSON.stringify(built.metafile));
  return sizes(Buffer.from(code));
}

/**
 * Shortens the names of locals and of private members, which makes what a cold start has to parse a fifth shorter. The
 * names of functions, classes and methods stay, since stacks show them: esbuild takes those at the top level of a script
 * for anybody's and leaves them alone, so what names the exports at the end is set aside meanwhile.
 */
async function withShortLocals({ text, map }, options) {
  const [, body, exports] = /^(.*)((?:export|0&&\(module\.exports=)\{[^}]*\}\)?;\s*)$/s.exec(text);
  const inlined = `//# sourceMappingURL=data:application/json;base64,${Buffer.from(map).toString("base64")}`;
  const short = await esbuild.transform(`${body}\n${inlined}`, {
    minifyIdentifiers: true,
    minifyWhitespace: true,
    legalComments: "none",
    sourcemap: "external",
    ...options,
  });
  return { text: short.code + exports, map: short.map };
}

function declare() {
  const emitted = at("target/types");
  rmSync(emitted, { recursive: true, force: true });
  run("tsc", ["-p", "tsconfig.build.json"]);
  const roots = [
    "index",
    "entry/workerd",
    "entry/durable-object",
    "cache/index",
    "doctor/index",
    "ratelimit/index",
    "testing/index",
  ];
  const paths = roots.map((root) => `${root}.d.ts`);
  const shipped = forBothKinds(shippedDeclarations(emitted, paths), paths);
  rmSync(at("pkg/dist/types"), { recursive: true, force: true });
  for (const [file, text] of shipped) replaceFile(at("pkg/dist/types", file), text);
  return `${shipped.size} files`;
}

/** Replaces a file at once: a concurrent reader sees the old or the new one, never half of it. */
function replaceFile(path, contents) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, contents);
  renameSync(`${path}.new`, path);
}

const scripts = at("scripts");
// Cargo itself knows best whether there is anything to do.
const rust = [at("Cargo.toml"), at("Cargo.lock"), at(".cargo"), at("src"), at("scripts/build.mjs")];
await step("cargo", [...rust, at("target/setup/toolchain")], [compiled], compile);
await step("wasm", [compiled, scripts, at("package-lock.json")], [wasm, at("target/wasm/glue.d.ts")], bindAndOptimise);
const sources = [at("js"), at("target/wasm/glue.js"), at("target/wasm/bytes.js"), at("package-lock.json"), scripts];
for (const entry of entries) {
  const built = Object.keys(entry.sources).map((name) => at("pkg/dist", name + extension(entry.format)));
  await step(`${entry.name}${extension(entry.format)}`, sources, built, () => bundle(entry));
}
for (const name of forwarded) replaceFile(at(`pkg/dist/${name}.cjs`), `module.exports = require("./${name}.js");\n`);
await step("edgis.wasm", [wasm], [at("pkg/dist/edgis.wasm")], () => {
  replaceFile(at("pkg/dist/edgis.wasm"), readFileSync(wasm));
});
const typed = [
  at("js"),
  at("target/wasm/glue.d.ts"),
  ...files(at("tsconfig.json"), at("tsconfig.build.json")),
  scripts,
];
await step("types", typed, [at("pkg/dist/types/index.d.ts")], declare);
