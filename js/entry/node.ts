/** The package on Node, and on runtimes that speak `node:net`: the core's bytes are embedded and compiled at first use. */
import { wasmBase64 } from "#wasm-bytes";
import { bind } from "../client/create.js";
import { nodeRuntime } from "../transport/node.js";

export * from "../index.js";
export const createClient = bind({ ...nodeRuntime, compile: () => new WebAssembly.Module(Buffer.from(wasmBase64, "base64")) });
