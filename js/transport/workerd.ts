/**
 * Cloudflare Workers: sockets from `cloudflare:sockets`. A socket, a timer and a promise belong to the request that made
 * them. Names are resolved by the runtime; there is no clock, no random number and no timer before the first request.
 */
import { connect, type Socket } from "cloudflare:sockets";
import * as workers from "cloudflare:workers";
import { copyOf, joined } from "./bytes.js";
import { currentFlow, runFlow } from "./requests/flow.js";
import { isInRequest, mark } from "./requests/probe.js";
import { activeSpan } from "./requests/span.js";
import type { Runtime, Timer } from "./runtime.js";
import type { Endpoint, Stream, StreamEvents } from "./stream.js";

/** Bytes that one read brings at the most: at first few, for most links read little and end with their request. */
const SMALL_BUFFER = 4 << 10;
const LARGE_BUFFER = 64 << 10;
/** A socket that holds more unsent bytes asks for a pause. */
const HIGH_WATER = 1 << 20;
/** Shorter text is measured faster here than encoded. */
const SHORT_TEXT = 256;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
/** A character a byte, whatever it is: a window that ASCII text is cut from may hold other text as well. */
const bytewise = new TextDecoder("latin1");
const text = (of: TextDecoder) => (bytes: Uint8Array, start: number, end: number) =>
  of.decode(bytes.subarray(start, end));

/** Everything but how the core is compiled. */
export const workerdRuntime: Omit<Runtime, "compile"> = {
  name: "workerd",
  now,
  timeOrigin: () => 0,
  wallClock: now,
  seed: () => Math.random() * Number.MAX_SAFE_INTEGER,
  defer: (act) => queueMicrotask(act),
  afterPoll: (act) => void setTimeout(act, 0),
  setTimer,
  env: (name) => {
    // A namespace: with older compatibility dates it has no env.
    const value = workers.env?.[name];
    return typeof value === "string" ? value : undefined;
  },
  identity: () => "workerd",
  ascii: text(bytewise),
  utf8: text(decoder),
  byteLength,
  allocate: (length) => new Uint8Array(length),
  open,
  isInRequest,
  mark,
  token: activeSpan,
  runFlow,
  flow: currentFlow,
  waitUntil: (promise) => workers.waitUntil?.(promise),
};

/** The compiled core, or an error if the bundler made something else of its import. */
export function moduleOf(imported: unknown): WebAssembly.Module {
  if (imported instanceof WebAssembly.Module) return imported;
  const rule = '"rules": [{ "type": "CompiledWasm", "globs": ["**/*.wasm"] }] in wrangler.jsonc';
  throw Object.assign(new Error(`the import of edgis.wasm gave no WebAssembly.Module but ${kindOf(imported)}`), {
    hint: `bundle it as a module: ${rule}, or the loader "copy" with esbuild, or leave it external with webpack and Rspack; wrangler alone does so by itself`,
  });
}

const kindOf = (value: unknown): string =>
  typeof value === "object" && value !== null ? `an instance of ${value.constructor?.name}` : `a ${typeof value}`;

let latest = 0;

/** Every request has a clock that stands still between its events; the core's must not go back from one to the next. */
function now(): number {
  latest = Math.max(latest, Date.now());
  return latest;
}

function setTimer(act: () => void, milliseconds: number): Timer {
  const timer = setTimeout(act, milliseconds);
  // `waitUntil` keeps a request alive, not a timer.
  return { clear: () => clearTimeout(timer), hold: () => {} };
}

function byteLength(string: string): number {
  if (string.length > SHORT_TEXT) return encoder.encode(string).length;
  let length = string.length;
  for (let i = 0; i < string.length; i += 1) {
    const unit = string.charCodeAt(i);
    // A pair of surrogates is four bytes, and one alone becomes U+FFFD, which is three.
    if (unit > 0x7f) length += unit < 0x800 ? 1 : 2;
    // Both of a pair are counted by now: two units and two bytes more.
    if (unit >= 0xd800 && unit < 0xdc00 && (string.charCodeAt(i + 1) & 0xfc00) === 0xdc00) i += 1;
  }
  return length;
}

function refused(what: string): Error {
  return Object.assign(new Error(`Cloudflare Workers ${what}`), { code: "ERUNTIME" });
}

function open(endpoint: Endpoint, events: StreamEvents): Stream {
  const { host, port, path, tls } = endpoint;
  if (path !== undefined || host === undefined) throw refused("have no Unix sockets: use a redis:// or rediss:// URL");
  const { servername, rejectUnauthorized, ...files } = tls ?? {};
  if (rejectUnauthorized === false) throw refused("verify every certificate: leave out tls.rejectUnauthorized");
  const given = Object.entries(files).filter(([, value]) => value !== undefined);
  if (given.length > 0) throw refused(`take no certificates of ours: leave out tls.${given[0]?.[0]}`);
  const name = servername === undefined || servername === host ? {} : { expectedServerHostname: servername };
  const hostname = host.includes(":") ? `[${host}]` : host;
  const secureTransport = tls === undefined ? "off" : "on";
  const socket = connect({ hostname, port: port as number }, { secureTransport, allowHalfOpen: false, ...name });
  return new WorkerdStream(socket, events, tls !== undefined);
}

/** Buffers of links that are not reading. Memory belongs to no request, and most links of an isolate read once. */
const spare: ArrayBuffer[] = [];
const MOST_SPARE = 64;

/** How the runtime refuses a link that another request has opened. */
const ANOTHERS = /on behalf of a different request|within global scope/;

/** The runtime keeps what listens to a socket for ever: it must not keep all the rest. */
const nobody: StreamEvents = { opened() {}, received() {}, drained() {}, lost() {} };

class WorkerdStream implements Stream {
  readonly #socket: Socket;
  #events: StreamEvents;
  readonly #isSecure: boolean;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #parts: Uint8Array[] = [];
  #reader: ReadableStreamBYOBReader | undefined;
  #isListening = false;
  /** Writes that are under way. */
  #writes = 0;
  #corked = false;
  #gone = false;
  /** Bytes that were handed over and not taken. */
  #unsent = 0;
  #asked = false;

  constructor(socket: Socket, events: StreamEvents, isSecure: boolean) {
    this.#isSecure = isSecure;
    this.#socket = socket;
    this.#events = events;
    this.#writer = socket.writable.getWriter();
    // A failure is reported once, by the first promise that rejects.
    const failed = (error: unknown) => this.#failed(error);
    this.#writer.closed.catch(failed);
    socket.closed.catch(failed);
    socket.opened.then(() => {
      if (this.#gone) return;
      this.#events.opened();
    }, failed);
  }

  /**
   * Reads only while a reply is awaited: inside `blockConcurrencyWhile`, a Durable Object does not receive the result of a
   * read that began outside, so each tick begins its own.
   */
  #listen(): void {
    if (this.#isListening || this.#gone) return;
    this.#isListening = true;
    this.#read().catch((error) => this.#failed(error));
  }

  async #read(): Promise<void> {
    this.#reader ??= this.#socket.readable.getReader({ mode: "byob" });
    let buffer = spare.pop() ?? new ArrayBuffer(SMALL_BUFFER);
    do {
      const { done, value } = await this.#reader.read(new Uint8Array(buffer));
      if (this.#gone) return;
      if (done || value === undefined) return this.#lost("END", "the peer closed the connection");
      this.#events.received(value);
      // The chunk was only lent: the next one comes into the same memory.
      buffer = value.buffer as ArrayBuffer;
      if (value.byteLength === SMALL_BUFFER) buffer = new ArrayBuffer(LARGE_BUFFER);
    } while (!this.#gone && this.#events.isAwaited !== false);
    this.#isListening = false;
    if (buffer.byteLength === SMALL_BUFFER && spare.length < MOST_SPARE) spare.push(buffer);
  }

  #failed(error: unknown, unsent = false): void {
    if (this.#gone) return;
    const message = error instanceof Error ? error.message : String(error);
    if (ANOTHERS.test(message) && this.#events.refused !== undefined) {
      const events = this.#events;
      this.forget();
      events.refused?.(unsent);
      return;
    }
    const code = codeOf(message);
    const certificate = this.#isSecure ? ", or its certificate is not trusted" : "";
    const causes = `nothing listens there, the name is unknown, the address is private or Cloudflare's own${certificate}`;
    this.#lost(code, code === "EHOSTUNREACH" ? `${message} (Workers do not say why: ${causes})` : message);
  }

  #lost(code: string, message: string): void {
    if (this.#gone) return;
    const events = this.#events;
    this.destroy();
    events.lost(code, message);
  }

  write(content: Uint8Array | string, _byteLength: number): boolean {
    if (this.#gone) return true;
    const part = typeof content === "string" ? encoder.encode(content) : copyOf(content);
    this.#unsent += part.length;
    this.#parts.push(part);
    if (!this.#corked) this.#flush();
    this.#asked = this.#unsent >= HIGH_WATER;
    return !this.#asked;
  }

  #flush(): void {
    const parts = this.#parts;
    if (parts.length === 0 || this.#gone) return;
    this.#parts = [];
    const bytes = joined(parts);
    const { length } = bytes;
    // So much may have to be read before all of it is taken.
    if (length > LARGE_BUFFER) this.#listen();
    this.#writes += 1;
    this.#writer.write(bytes).then(
      () => {
        this.#writes -= 1;
        this.#unsent -= length;
        this.#listen();
        if (!this.#asked || this.#unsent >= HIGH_WATER / 2 || this.#gone) return;
        this.#asked = false;
        this.#events.drained();
      },
      (error) => this.#failed(error, this.#writes === 1),
    );
  }

  unsent(): number {
    return this.#unsent;
  }

  cork(): void {
    this.#corked = true;
  }

  uncork(): void {
    this.#corked = false;
    this.#flush();
  }

  end(): void {
    this.#flush();
    this.forget();
    // Earlier writes leave first.
    this.#writer
      .close()
      .then(() => this.#socket.close())
      .catch(() => {});
  }

  destroy(): void {
    this.forget();
    this.#socket.close().catch(() => {});
  }

  forget(): void {
    this.#gone = true;
    this.#events = nobody;
    this.#parts = [];
  }

  hold(): void {}
}

/** The runtime tells what happened in words only, and of a connection that cannot be made it does not tell why. */
function codeOf(message: string): string {
  if (/cannot connect to the specified address/.test(message)) return "EHOSTUNREACH";
  if (/TLS|certificate/i.test(message)) return "ERR_TLS_HANDSHAKE";
  return "ECONNRESET";
}
