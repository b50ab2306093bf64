// Peers that are no Redis, or a strange one: they refuse, keep silent, hang up, talk nonsense, or answer from a script.
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { freePort } from "edgis/testing";

/** Listens on a loopback port and gives every connection to `accept`. */
export async function listen(accept, { port = 0, host = "127.0.0.1", path } = {}) {
  const sockets = new Set();
  const peer = { accepted: 0, sockets, received: "" };
  const server = createServer((socket) => {
    peer.accepted += 1;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.unref();
    Promise.resolve(accept(socket, peer)).catch(() => {});
  });
  server.unref();
  server.listen(path === undefined ? { port, host } : { path });
  await once(server, "listening");
  peer.port = path === undefined ? server.address().port : 0;
  peer.url = path === undefined ? `redis://${host.includes(":") ? `[${host}]` : host}:${peer.port}` : `unix://${path}`;
  peer.close = async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  };
  return peer;
}

/** Accepts, reads, and never answers. */
export const silent = (where) =>
  listen((socket, peer) => {
    socket.on("data", (chunk) => {
      peer.received += chunk;
    });
  }, where);

/** Accepts and closes in good order. */
export const closing = () => listen((socket) => socket.end());

/** Accepts and cuts the connection as soon as it is spoken to. */
export const resetting = () => listen((socket) => socket.on("data", () => socket.resetAndDestroy()));

/** Answers the first words with these bytes, whatever they are. */
export const saying = (bytes) => listen((socket) => socket.once("data", () => socket.write(bytes)));

/** A URL where nothing listens. */
export const nobody = async () => `redis://127.0.0.1:${await freePort()}`;

const greeting = "%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n";

/**
 * Answers each command by `answer(args, socket)`; text is written as it is, undefined is silence. What the handshake
 * asks is answered well, unless `answer` does.
 */
export function scripted(answer, where) {
  return listen((socket, peer) => {
    peer.commands ??= [];
    let received = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      for (let read = command(received); read !== undefined; read = command(received)) {
        received = received.subarray(read.end);
        peer.commands.push(read.args);
        const answered = answer(read.args, socket);
        if (answered !== undefined) socket.write(answered);
        else if (read.args[0] === "HELLO") socket.write(greeting);
        else if (read.args[0] === "PING") socket.write("+PONG\r\n");
        else if (read.args[0] === "SELECT" || read.args[0] === "CLIENT") socket.write("+OK\r\n");
      }
    });
  }, where);
}

/**
 * Stands before a server and may answer a command in its place: `answer(args)` gives text, or undefined to pass it on.
 * One command after the other, each reply in one piece: it is for handshakes and small replies.
 */
export function proxy(server, answer) {
  return listen(async (socket, peer) => {
    const upstream = connect({ host: server.host, port: server.port });
    peer.commands ??= [];
    upstream.on("error", () => {});
    upstream.pipe(socket);
    socket.on("close", () => upstream.destroy());
    let received = Buffer.alloc(0);
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk]);
      for (let read = command(received); read !== undefined; read = command(received)) {
        peer.commands.push(read.args);
        const answered = answer(read.args);
        if (answered === undefined) {
          upstream.write(received.subarray(0, read.end));
          await once(upstream, "data");
        } else socket.write(answered);
        received = received.subarray(read.end);
      }
    }
  });
}

/** The first command of what was received, and where it ends. */
function command(bytes) {
  const head = /^\*(\d+)\r\n/.exec(bytes.toString("latin1", 0, 16));
  if (head === null) return undefined;
  const args = [];
  let at = head[0].length;
  for (let i = 0; i < Number(head[1]); i += 1) {
    const line = bytes.indexOf("\r\n", at);
    if (line < 0) return undefined;
    const length = Number(bytes.toString("latin1", at + 1, line));
    at = line + 2 + length + 2;
    if (bytes.length < at) return undefined;
    args.push(bytes.toString("utf8", line + 2, line + 2 + length));
  }
  return { args, end: at };
}
