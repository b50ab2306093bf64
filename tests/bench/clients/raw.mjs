// The floor: bytes encoded beforehand, replies counted and not looked at. No client can do less.

import net from "node:net";

const frame = (...args) => `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join("")}`;
const OK = "+OK\r\n".length;
const bulk = (length) => `$${length}\r\n`.length + length + 2;

export async function open(port) {
  const socket = net.connect(port, "127.0.0.1").setNoDelay(true);
  let missing = 0;
  let settle;
  socket.on("data", (chunk) => {
    missing -= chunk.length;
    if (missing === 0) settle();
  });
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  const exchange = (request, expected) =>
    new Promise((resolve) => {
      missing = expected;
      settle = resolve;
      socket.write(request);
    });
  return {
    /** Returns a function that sends the whole batch and resolves when its replies have arrived. */
    prepare(op, keys, values) {
      const request = Buffer.from(
        keys.map((key, i) => (op === "get" ? frame("GET", key) : frame("SET", key, values[i]))).join(""),
      );
      const expected = keys.reduce((sum, _, i) => sum + (op === "get" ? bulk(values[i].length) : OK), 0);
      return () => exchange(request, expected);
    },
    ping: () => exchange("PING\r\n", "+PONG\r\n".length),
    close: () => socket.destroy(),
  };
}
