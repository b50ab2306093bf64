/** The package on Node: the core's bytes are embedded, and compiled at first use. */
import { wasmBrotliBase64 } from "#wasm-bytes";
import { bind } from "../client/create.js";
import { nodeRuntime, unpack } from "../transport/node.js";

export * from "../index.js";
export const createClient = bind({ ...nodeRuntime, compile: () => new WebAssembly.Module(unpack(wasmBrotliBase64)) });
