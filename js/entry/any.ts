/**
 * The package on whatever runtime it is loaded: Bun, Deno, Node by require(), and wherever a bundler was not told. One
 * file serves them all, and where none of them is found it can be imported, and says so.
 */
import { wasmBrotliBase64 } from "#wasm-bytes";
import { bindAbsent } from "../client/absent.js";
import { bind } from "../client/create.js";
import { bunRuntime } from "../transport/bun.js";
import { denoRuntime } from "../transport/deno.js";
import { nodeRuntime, unpack } from "../transport/node.js";

const { process, navigator } = globalThis as Partial<typeof globalThis>;
const runtime = "Bun" in globalThis ? bunRuntime : "Deno" in globalThis ? denoRuntime : nodeRuntime;
// Workers have most of Node's modules, but compile nothing from bytes.
const isNodeLike = typeof process?.getBuiltinModule === "function" && navigator?.userAgent !== "Cloudflare-Workers";

export * from "../index.js";
export const createClient = isNodeLike
  ? bind({ ...runtime, compile: () => new WebAssembly.Module(unpack(wasmBrotliBase64)) })
  : bindAbsent({
      message: "this runtime opens no TCP connections in a way that edgis knows",
      hint: "run this code on Node, Bun or Deno; for Cloudflare Workers bundle it with the condition workerd, which Nitro and Nuxt do with experimental.wasm",
    });
