/** The package on Node, and on runtimes that speak `node:net`: the core's bytes are embedded and compiled at first use. */
import { wasmBrotliBase64 } from "#wasm-bytes";
import { bind } from "../client/create.js";
import { nodeRuntime } from "../transport/node.js";

// Asked for at first use: an import of node:zlib would load it for everybody who imports the package.
const unpack = (text: string) =>
  process.getBuiltinModule("node:zlib").brotliDecompressSync(Buffer.from(text, "base64"));

export * from "../index.js";
export const createClient = bind({ ...nodeRuntime, compile: () => new WebAssembly.Module(unpack(wasmBrotliBase64)) });
