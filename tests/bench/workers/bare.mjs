// The runtime's own socket, and the least of a client that can be written by hand: no deadlines, no errors, no pipelines.
import { connect } from "cloudflare:sockets";
import { serve } from "./serve.mjs";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function open(url) {
  const { hostname, port } = new URL(url);
  const socket = connect({ hostname, port: Number(port) });
  const writer = socket.writable.getWriter();
  const reader = socket.readable.getReader();
  return {
    async get(key) {
      await writer.write(encoder.encode(`*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`));
      const { value } = await reader.read();
      const text = decoder.decode(value);
      const start = text.indexOf("\r\n") + 2;
      return text.slice(start, start + Number(text.slice(1, start - 2)));
    },
    close: () => socket.close(),
  };
}

export default serve(open, (client) => client.close());
