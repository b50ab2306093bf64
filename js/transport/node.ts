/** Node, and what speaks `node:net` like it: sockets, TLS, name resolution, clock and timers. */
import type { NetConnectOpts, Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { bare } from "../core/own.js";
import type { Runtime, Timer } from "./runtime.js";
import type { Endpoint, Stream, StreamEvents } from "./stream.js";

/** Bytes that one read brings at the most. */
const READ_BUFFER = 64 << 10;
/** Writes that leave together are copied into one up to this size: each further write costs more than its copy. */
const GATHER = 1 << 20;
/** Buffers that are kept for when the kernel does not take all at once. */
const SPARE_BUFFERS = 2;
/** Longer text is worth asking whether it is ASCII, which decodes faster. */
const LONG_TEXT = 1_024;
/** A socket that holds more unsent bytes asks for a pause. */
const HIGH_WATER = 1 << 20;

// An import of these would load them for everybody, and a cold start that needs none of them takes a quarter longer. Those
// that it needs come sooner in this way than by the loader of modules.
const net = () => process.getBuiltinModule("node:net");
const dns = () => process.getBuiltinModule("node:dns/promises");
const tls = () => process.getBuiltinModule("node:tls");
const threads = () => process.getBuiltinModule("node:worker_threads");

/** Decompresses Brotli in base64. `node:zlib` is loaded here: an import would load it for everyone. */
export const unpack = (text: string): Uint8Array<ArrayBuffer> =>
  process.getBuiltinModule("node:zlib").brotliDecompressSync(Buffer.from(text, "base64"));

// js/entry/any.ts loads this file where there may be nothing of it; and bundlers for browsers would bring stand-ins for names
// that are not taken from somewhere.
const { Buffer, process } = globalThis;
// Taken at load, so that fake timers in a test do not freeze deadlines, and from modules: Jest can have fake globals from the
// beginning, and the timers of jsdom and of Electron's windows are numbers, or are not there.
const { setTimeout, clearTimeout, setImmediate } = process?.getBuiltinModule?.("node:timers") ?? globalThis;
const { performance } = process?.getBuiltinModule?.("node:perf_hooks") ?? globalThis;
/** Jest has no other. Where that one is fake, and says so by its clock, what it is given never runs. */
const nextTick = process?.nextTick !== undefined && "clock" in process.nextTick ? setImmediate : process?.nextTick;
const now = performance?.now.bind(performance);
const wallNow = Date.now;
// Outside of what callers run in. Next.js forbids the wall clock to the code of a page that it prerenders, and our callers may
// be such code; and whatever is set up in the context of a request (AsyncLocalStorage) keeps what that holds for as long as it
// lives itself.
const outside = process?.getBuiltinModule?.("node:async_hooks").AsyncLocalStorage.snapshot();

/** Everything but how the core is compiled. */
export const nodeRuntime: Omit<Runtime, "compile"> & Required<Pick<Runtime, "lookup">> = {
  name: "node",
  stderr: true,
  now,
  timeOrigin: () => performance.timeOrigin,
  wallClock: () => outside(wallNow),
  seed: () => now() * 1e6 + process.pid,
  // After the microtasks of this tick: callers at any depth of promises share one write.
  defer: nextTick,
  afterPoll: setImmediate,
  setTimer,
  outside: (act) => outside(act),
  env: (name) => process.env[name],
  identity,
  ascii: (bytes, start, end) => view(bytes).latin1Slice(start, end),
  utf8,
  byteLength: (text) => Buffer.byteLength(text),
  // Plain bytes, as short values are.
  allocate: (length) => new Uint8Array(Buffer.allocUnsafeSlow(length).buffer),
  lookup,
  open: openWith("latin1Write"),
};

interface NativeBuffer extends Buffer {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
  latin1Write(text: string, offset: number, length: number): number;
  utf8Write(text: string, offset: number, length: number): number;
}

export type AsciiWriter = "latin1Write" | "utf8Write";

let viewed: Uint8Array | undefined;
let viewedAs: NativeBuffer | undefined;

/** Bytes as a Buffer over the same memory; that of the core is asked for again and again. */
function view(bytes: Uint8Array): NativeBuffer {
  if (bytes === viewed) return viewedAs as NativeBuffer;
  const buffer = (
    Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  ) as NativeBuffer;
  viewed = bytes;
  viewedAs = buffer;
  return buffer;
}

let isAscii: ((bytes: Uint8Array) => boolean) | undefined;

function utf8(bytes: Uint8Array, start: number, end: number): string {
  const buffer = view(bytes);
  isAscii ??= process.getBuiltinModule("node:buffer").isAscii;
  if (end - start > LONG_TEXT && isAscii(buffer.subarray(start, end))) return buffer.latin1Slice(start, end);
  return buffer.utf8Slice(start, end);
}

/** On Node the scope of an engine is the thread. */
function identity(): string {
  return `process ${process.pid}, thread ${threads().threadId}`;
}

function setTimer(act: () => void, milliseconds: number): Timer {
  const timer = outside(setTimeout, act, milliseconds);
  timer.unref();
  return {
    clear: () => clearTimeout(timer),
    hold: (alive) => {
      if (alive) timer.ref();
      else timer.unref();
    },
  };
}

/** All addresses of a name, the families in turns, beginning with the resolver's first (RFC 8305, section 4). */
async function lookup(host: string, family: 0 | 4 | 6): Promise<string[]> {
  const found = await dns().lookup(host, { all: true, family, verbatim: true });
  const first = found.filter((entry) => entry.family === found[0]?.family);
  const second = found.filter((entry) => entry.family !== found[0]?.family);
  const order: string[] = [];
  for (let i = 0; i < Math.max(first.length, second.length); i += 1) {
    for (const entry of [first[i], second[i]]) if (entry !== undefined) order.push(entry.address);
  }
  return [...new Set(order)];
}

/** `open` for a runtime that writes ASCII text into a buffer best by the method of that name. */
export function openWith(asciiWriter: AsciiWriter): Runtime["open"] {
  return (endpoint, events) => outside(open, endpoint, events, asciiWriter);
}

function open(endpoint: Endpoint, events: StreamEvents, asciiWriter: AsciiWriter): Stream {
  const { host, port, path, tls: secure } = endpoint;
  const where = path === undefined ? { host: host as string, port: port as number } : { path };
  // One buffer for all reads of the socket: the chunk is only lent.
  const buffer = Buffer.allocUnsafeSlow(READ_BUFFER);
  const callback = (length: number): boolean => {
    events.received(length === READ_BUFFER ? buffer : buffer.subarray(0, length));
    return true;
  };
  const options = shielded({
    ...where,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
    onread: { buffer, callback },
    ...secure,
  });
  const socket: Socket = secure === undefined ? net().connect(options) : tls().connect(options);
  return new NodeStream(socket, secure === undefined ? "connect" : "secureConnect", events, asciiWriter);
}

/**
 * Node copies options into objects that inherit from `Object.prototype`. Properties added to that must decide neither where a
 * link leads nor which certificates it trusts. Only added ones are enumerable.
 */
function shielded(options: object): NetConnectOpts & ConnectionOptions {
  const nothing = Object.fromEntries(Object.keys(Object.prototype).map((name) => [name, undefined]));
  return bare<object>(nothing, options) as NetConnectOpts & ConnectionOptions;
}

// Writes are gathered here and leave in one call. One buffer serves all links, one link at a time: whatever another has
// gathered is written to that one's socket first.
let gatherBuffer: NativeBuffer;
let gathered = 0;
let gatherer: NodeStream | undefined;
const spareBuffers: NativeBuffer[] = [];

function newGatherBuffer(): NativeBuffer {
  return Buffer.allocUnsafeSlow(GATHER) as NativeBuffer;
}

/** Appends to what is gathered; gives how much. */
function gather(content: Uint8Array | string, byteLength: number, asciiWriter: AsciiWriter): number {
  gatherBuffer ??= newGatherBuffer();
  if (typeof content !== "string") {
    gatherBuffer.set(content, gathered);
    return byteLength;
  }
  if (content.length === byteLength) return gatherBuffer[asciiWriter](content, gathered, byteLength);
  return gatherBuffer.utf8Write(content, gathered, byteLength);
}

/** Deno's flags forbid it, as Node's do by a code of its own: no fault of the network's, and not worth another try. */
function isForbidden({ name, code, syscall }: NodeJS.ErrnoException): boolean {
  return name === "NotCapable" || (code === "EPERM" && syscall === "getaddrinfo");
}

class NodeStream implements Stream {
  readonly #socket: Socket;
  readonly #asciiWriter: AsciiWriter;
  #error: { code: string; message: string } | undefined;
  /** Buffers that the socket still writes from. */
  readonly #lent: NativeBuffer[] = [];
  #closed = false;
  #corked = false;

  constructor(socket: Socket, connected: "connect" | "secureConnect", events: StreamEvents, asciiWriter: AsciiWriter) {
    this.#socket = socket;
    this.#asciiWriter = asciiWriter;
    socket.once(connected, () => events.opened());
    socket.on("drain", () => {
      this.#takeBack();
      events.drained();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#error ??= {
        code: isForbidden(error) ? "ERR_ACCESS_DENIED" : (error.code ?? "EPROTO"),
        message: error.message,
      };
    });
    socket.once("end", () => {
      this.#error ??= { code: "END", message: "the peer closed the connection" };
    });
    socket.once("close", () => {
      this.#closed = true;
      this.#forgetGathered();
      const { code, message } = this.#error ?? { code: "ECONNRESET", message: "the connection was closed" };
      events.lost(code, message);
    });
  }

  write(content: Uint8Array | string, byteLength: number): boolean {
    if (this.#closed || this.#socket.destroyed) return true;
    if (gatherer !== this) {
      if (gatherer !== undefined) gatherer.#flush();
      gatherer = this;
    }
    if (gathered + byteLength > GATHER) {
      this.#flush();
      if (byteLength > GATHER) {
        const isAscii = typeof content === "string" && content.length === byteLength;
        const encoding = isAscii && this.#asciiWriter === "latin1Write" ? "latin1" : "utf8";
        this.#socket.write(typeof content === "string" ? Buffer.from(content, encoding) : Buffer.from(content));
        return this.#takesMore();
      }
    }
    gathered += gather(content, byteLength, this.#asciiWriter);
    if (!this.#corked) this.#flush();
    return this.#takesMore();
  }

  #takesMore(): boolean {
    return this.#socket.writableLength < HIGH_WATER;
  }

  /** Writes what this link has gathered. */
  #flush(): void {
    if (gatherer !== this || gathered === 0) return;
    const socket = this.#socket;
    if (this.#closed || socket.destroyed) {
      gathered = 0;
      return;
    }
    this.#takeBack();
    const bytes = gatherBuffer.subarray(0, gathered);
    gathered = 0;
    socket.write(bytes);
    // Usually the kernel has taken all of it, and the buffer can be used again at once.
    if (socket.writableLength > 0) {
      this.#lent.push(gatherBuffer);
      gatherBuffer = spareBuffers.pop() ?? newGatherBuffer();
    }
  }

  /** Buffers of which all has been written can be used again; fresh memory costs more than the copy into it. */
  #takeBack(): void {
    if (this.#lent.length === 0 || this.#socket.writableLength > 0) return;
    spareBuffers.push(...this.#lent.splice(0, SPARE_BUFFERS - spareBuffers.length));
    this.#lent.length = 0;
  }

  /** A link that is gone writes nothing more, and is not kept alive by the buffer. */
  #forgetGathered(): void {
    if (gatherer !== this) return;
    gatherer = undefined;
    gathered = 0;
  }

  unsent(): number {
    return this.#socket.writableLength;
  }

  cork(): void {
    this.#corked = true;
  }

  uncork(): void {
    this.#corked = false;
    this.#flush();
  }

  end(): void {
    this.#socket.end();
    // A peer that does not close in turn must not keep the socket.
    const timer = setTimer(() => this.#socket.destroy(), 1_000);
    this.#socket.once("close", timer.clear);
  }

  destroy(): void {
    this.#corked = false;
    this.#socket.destroy();
    this.#forgetGathered();
  }

  hold(alive: boolean): void {
    if (alive) this.#socket.ref();
    else this.#socket.unref();
  }
}
