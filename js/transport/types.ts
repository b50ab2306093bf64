/** What a runtime must bring along: a way to open byte streams, a clock, timers, text codecs. */
import type { RedisError } from "../core/errors.js";
import type { Engine } from "../loop/engine.js";
import type { Requests } from "../loop/requests.js";

/** Settings of TLS; those that are not given are the runtime's defaults. Verification is on. */
export interface TlsOptions {
  /** Certificate authorities to trust instead of the runtime's, PEM. */
  ca?: string | Uint8Array | (string | Uint8Array)[] | undefined;
  /** Our certificate chain, PEM, for servers that ask for one. */
  cert?: string | Uint8Array | undefined;
  /** The key of `cert`, PEM. */
  key?: string | Uint8Array | undefined;
  /** What `key` is encrypted with, if it is. */
  passphrase?: string | undefined;
  /** The name that the server's certificate must carry. Default: the host of the URL. */
  servername?: string | undefined;
  /** `false` accepts any certificate: for tests only. Default `true`. */
  rejectUnauthorized?: boolean | undefined;
}

/** Credentials of one dial. */
export interface Credentials {
  /** Default: the server's `default` user. */
  username?: string | undefined;
  password: string;
}

/** Where a link goes to. */
export interface Endpoint {
  /** A name or an address; absent for a Unix socket. */
  readonly host?: string;
  readonly port?: number;
  /** The path of a Unix socket. */
  readonly path?: string;
  /** Absent when the link is not encrypted. */
  readonly tls?: TlsOptions;
}

/** A way to Redis that is no socket: what the option `via` comes to. */
export interface Via {
  /** For the core, in place of a URL: where it leads to. */
  readonly url: string;
  /** Equal for ways that are the same. */
  readonly key: string;
  open(events: LinkEvents): Link;
  /** The error that came in the place of a reply, unless it is the server's. */
  revive(text: string): RedisError | undefined;
}

/** What a transport tells of a link. Never called before `open` has returned, and never again after `lost`. */
export interface LinkEvents {
  opened(): void;
  /** The chunk is only lent for the duration of the call. */
  received(chunk: Uint8Array): void;
  /** The link takes bytes again, after a `write` that returned false. */
  drained(): void;
  /** Whether anybody waits for what may come; where it is false nothing need be read. */
  readonly isAwaited?: boolean;
  /**
   * The runtime says that the link is another request's. `unsent`: of a write that was the only one under way, and of which
   * nothing was sent. The link is not to be touched any more.
   */
  refused?(unsent: boolean): void;
  /** `code` is the runtime's name for what happened; `END` when the peer closed in good order. */
  lost(code: string, message: string): void;
}

/** An open, or opening, byte stream. */
export interface Link {
  /**
   * Writes bytes, or text as UTF-8, of `byteLength` bytes. They are only lent. Returns false to ask for a pause until
   * `drained`.
   */
  write(content: Uint8Array | string, byteLength: number): boolean;
  /** Writes between the two leave together. */
  cork(): void;
  uncork(): void;
  /** How much it holds that it has not handed on. One that does not say so is stalled until it drains. */
  unsent?(): number;
  /** Closes in good order once everything is written. */
  end(): void;
  /** Closes at once; nothing more is told of the link. */
  destroy(): void;
  /** Nobody is to be told of it any more; what belongs to another request is not touched. */
  forget?(): void;
  /** Whether the link keeps the process alive. */
  hold(alive: boolean): void;
}

/** A timer that was set. */
export interface Timer {
  clear(): void;
  /** Whether the timer keeps the process alive. */
  hold(alive: boolean): void;
}

/**
 * Everything that differs between runtimes.
 * @internal Left out of the shipped declarations: it names WebAssembly, which not every user's compiler knows.
 */
export interface Runtime {
  /** Its name, for logs. */
  readonly name: string;
  /** The console writes what is no warning to standard output, which is the program's. */
  readonly stderr?: true;
  /** Compiles the core; synchronous, and called once. */
  compile(): WebAssembly.Module;
  /** Monotonic milliseconds since `timeOrigin()`. */
  now(): number;
  /** Milliseconds since the epoch at which `now()` was 0. */
  timeOrigin(): number;
  /** Milliseconds since the epoch by the wall clock, which goes on while the machine sleeps. */
  wallClock(): number;
  /** Something that differs between processes; need not be random. */
  seed(): number;
  /** Runs `act` once the code that runs now, and what it has settled, is through. */
  defer(act: () => void): void;
  /** Runs `act` once what has already arrived has been read. */
  afterPoll(act: () => void): void;
  setTimer(act: () => void, milliseconds: number): Timer;
  /**
   * Runs `act` in no caller's context, as of `AsyncLocalStorage`: what it makes and keeps must not keep that, too. Links and
   * timers are made so without it. Absent where contexts end with what makes them.
   */
  outside?<T>(act: () => T): T;
  /** A variable of the environment. */
  env(name: string): string | undefined;
  /** Who we are, for logs: process and thread. */
  identity(): string;
  /** Text of ASCII bytes. */
  ascii(bytes: Uint8Array, start: number, end: number): string;
  /** Text of UTF-8 bytes; what is not UTF-8 becomes U+FFFD. */
  utf8(bytes: Uint8Array, start: number, end: number): string;
  /** How many bytes the text has in UTF-8. */
  byteLength(text: string): number;
  /** Memory that need not be zeroed. */
  allocate(length: number): Uint8Array;
  /** The addresses of a name; absent where the runtime looks them up itself. Rejects with an error that has a code. */
  lookup?(host: string, family: 0 | 4 | 6): Promise<string[]>;
  open(endpoint: Endpoint, events: LinkEvents): Link;
  /** What the option `via` comes to, where there can be such a way. Throws an error that says what is wrong with it. */
  via?(options: object, identify: (value: object) => number): Via;
  /**
   * Only where sockets, timers and promises belong to the request that made them: marks the request that is here, and
   * gives what says whether it is here again. Throws where there is none.
   */
  mark?(): () => boolean;
  /** Something that is the same object throughout a request and never another's, where there is such a thing. */
  token?(): object | undefined;
  /** Runs a function whose asynchronous flow `flow` tells from others, where the runtime has such flows. */
  runFlow?<T>(value: object, run: () => T): T;
  /** The value that the flow which runs now was begun with. */
  flow?(): object | undefined;
  /** Whether there is a request at all; not at import, where nothing must be asked of the clock or of chance. */
  isInRequest?(): boolean;
  /** Tells requests apart by their marks; given by the entry, so that the others do not ship it. */
  tellApart?(engine: Engine, mark: () => () => boolean): Requests;
  /** Keeps the request that is here alive until the promise is settled. */
  waitUntil?(promise: Promise<unknown>): void;
}
