/** Bun: `node:net`, as on Node. Its own sockets measure no better but for values of 100 KB. */
import { nodeRuntime } from "./node.js";

// Taken at load, so that fake timers in a test do not freeze deadlines.
const { setImmediate } = globalThis;

/** Everything but how the core is compiled. */
export const bunRuntime: typeof nodeRuntime = {
  ...nodeRuntime,
  name: "bun",
  // Of two callbacks the first still runs before the loop has polled.
  afterPoll: (act) => void setImmediate(() => setImmediate(act)),
};
