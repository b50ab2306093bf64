/** The package on Deno: the core's bytes are embedded, and compiled at first use. */
import { wasmBrotliBase64 } from "#wasm-bytes";
import { bind } from "../client/create.js";
import { denoRuntime } from "../transport/deno.js";
import { unpack } from "../transport/node.js";

export * from "../index.js";
export const createClient = bind({ ...denoRuntime, compile: () => new WebAssembly.Module(unpack(wasmBrotliBase64)) });
