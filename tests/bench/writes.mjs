import net from "node:net";

/**
 * Counts what really goes to a socket: `_writeGeneric` is where one write, or one vector of corked or queued ones, leaves
 * Node's stream for the kernel. Where it is missing (Bun, a later Node) the public `write` stands in. Bun's own client and
 * valkey-glide write natively and are not seen.
 */
export function countWrites() {
  const prototype = net.Socket.prototype;
  const method = typeof prototype._writeGeneric === "function" ? "_writeGeneric" : "write";
  const original = prototype[method];
  let count = 0;
  prototype[method] = function counted(...args) {
    count++;
    return original.apply(this, args);
  };
  return () => count;
}
