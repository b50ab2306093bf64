// A look at a server past the client under test: a connection of its own, in RESP2.
import { once } from "node:events";
import { connect } from "node:net";

/** Asks `server` whatever is wanted, and counts what others do there. */
export async function observe({ host = "127.0.0.1", port }, password) {
  const observer = new Observer(connect({ host, port }));
  await once(observer.socket, "connect");
  // Not before: what only waits for a connection is nothing to Deno.
  observer.socket.unref();
  if (password !== undefined) await observer.ask("AUTH", password);
  return observer;
}

class Observer {
  #received = Buffer.alloc(0);
  #waiting = [];

  constructor(socket) {
    this.socket = socket;
    socket.on("error", () => {});
    // A server that is killed answers nobody.
    socket.on("close", () => {
      for (const resolve of this.#waiting.splice(0)) resolve(new Error("the connection was closed"));
    });
    socket.on("data", (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      for (let read = reply(this.#received, 0); read !== undefined; read = reply(this.#received, 0)) {
        this.#received = this.#received.subarray(read.end);
        this.#waiting.shift()(read.value);
        if (this.#waiting.length === 0) socket.unref();
      }
    });
  }

  /** The reply, an error as an `Error` that is no rejection. */
  ask(...args) {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.socket.ref();
      const parts = args.map((arg) => (Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg))));
      const frames = parts.flatMap((part) => [Buffer.from(`$${part.length}\r\n`), part, Buffer.from("\r\n")]);
      this.socket.write(Buffer.concat([Buffer.from(`*${parts.length}\r\n`), ...frames]));
    });
  }

  /** A line of INFO. */
  async info(section, name) {
    const text = await this.ask("INFO", section);
    return new RegExp(`^${name}:(.*)$`, "m").exec(text)?.[1].trim();
  }

  /** How often the server ran a command, by anybody; refused ones are not counted. */
  async calls(command) {
    const line = await this.info("commandstats", `cmdstat_${command}`);
    return line === undefined ? 0 : Number(/calls=(\d+)/.exec(line)[1]);
  }

  /** The connections of others, as CLIENT LIST tells them. */
  async others() {
    const own = await this.ask("CLIENT", "ID");
    const lines = (await this.ask("CLIENT", "LIST")).trim().split("\n");
    const parsed = lines.map((line) =>
      Object.fromEntries(line.split(" ").map((pair) => pair.split(/=(.*)/).slice(0, 2))),
    );
    return parsed.filter((client) => Number(client.id) !== own);
  }

  /** How many connections the server has accepted so far, this one included. */
  async accepted() {
    return Number(await this.info("stats", "total_connections_received"));
  }

  /** Waits until the others are as many. */
  async othersBecome(count, within = 5_000) {
    const until = performance.now() + within;
    for (;;) {
      const others = await this.others();
      if (others.length === count) return;
      if (performance.now() > until) throw new Error(`${others.length} other connections, not ${count}`);
    }
  }

  close() {
    this.socket.destroy();
  }
}

/** A RESP2 reply at `at`, and where it ends; undefined when it is not all there. */
function reply(bytes, at) {
  const line = bytes.indexOf("\r\n", at);
  if (line < 0) return undefined;
  const text = bytes.toString("utf8", at + 1, line);
  const end = line + 2;
  switch (String.fromCharCode(bytes[at])) {
    case "+":
      return { value: text, end };
    case "-":
      return { value: new Error(text), end };
    case ":":
      return { value: Number(text), end };
    case "$": {
      const length = Number(text);
      if (length < 0) return { value: null, end };
      if (bytes.length < end + length + 2) return undefined;
      return { value: bytes.toString("utf8", end, end + length), end: end + length + 2 };
    }
    default: {
      const value = [];
      let next = end;
      for (let i = 0; i < Number(text); i += 1) {
        const item = reply(bytes, next);
        if (item === undefined) return undefined;
        value.push(item.value);
        next = item.end;
      }
      return { value, end: next };
    }
  }
}
