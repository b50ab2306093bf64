/** The package on Bun: the core's bytes are embedded, and compiled at first use. */
import { wasmBrotliBase64 } from "#wasm-bytes";
import { bind } from "../client/create.js";
import { bunRuntime } from "../transport/bun.js";
import { unpack } from "../transport/node.js";

export * from "../index.js";
export const createClient = bind({ ...bunRuntime, compile: () => new WebAssembly.Module(unpack(wasmBrotliBase64)) });
