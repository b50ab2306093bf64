/** Deno: `node:net`, as on Node. Where its text codecs differ in speed, the faster one is taken. */
import { nodeRuntime, openWith } from "./node.js";

/** Longer text is decoded faster by a TextDecoder than by a Buffer. */
const LONG_TEXT = 1_024;
let decoder: TextDecoder | undefined;

declare const Deno: { permissions: { querySync(wanted: { name: "net" }): { state: string } } };

// Taken at load, so that fake timers in a test do not freeze deadlines.
const { setTimeout } = globalThis;

/** Everything but how the core is compiled. */
export const denoRuntime: typeof nodeRuntime = {
  ...nodeRuntime,
  name: "deno",
  // The loop does not poll between one setImmediate and the next.
  afterPoll: (act) => void setTimeout(act, 0),
  utf8: (bytes, start, end) => {
    if (end - start <= LONG_TEXT) return nodeRuntime.utf8(bytes, start, end);
    decoder ??= new TextDecoder("utf-8", { ignoreBOM: true });
    return decoder.decode(bytes.subarray(start, end));
  },
  // --allow-net=host:port allows a name, but not the addresses behind it: then Deno has to look it up itself.
  lookup: async (host, family) =>
    Deno.permissions.querySync({ name: "net" }).state === "granted" ? nodeRuntime.lookup(host, family) : [host],
  // latin1Write is a loop in JavaScript there, some hundred times slower.
  open: openWith("utf8Write"),
};
