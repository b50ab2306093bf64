/** The seam between the engine and a transport: an ordered stream of bytes, and where it leads to. */
import type { RedisError } from "../core/errors.js";
import type { TlsOptions } from "./security.js";

/** The other end of a stream. */
export interface Endpoint {
  /** A name or an address; absent for a Unix socket. */
  readonly host?: string;
  readonly port?: number;
  /** The path of a Unix socket. */
  readonly path?: string;
  /** Absent when the stream is not encrypted. */
  readonly tls?: TlsOptions;
}

/** A way to Redis other than a socket, from the option `via`. */
export interface Via {
  /** For the core, in place of a URL: where it leads to. */
  readonly url: string;
  /** Equal for ways that are the same. */
  readonly key: string;
  open(events: StreamEvents): Stream;
  /** The error that came in the place of a reply, unless it is the server's. */
  revive(text: string): RedisError | undefined;
}

/** Called by a transport: never before `open` has returned, and never again after `lost`. */
export interface StreamEvents {
  opened(): void;
  /** The chunk is only lent for the duration of the call. */
  received(chunk: Uint8Array): void;
  /** The stream takes bytes again, after a `write` that returned false. */
  drained(): void;
  /** Whether a reply is awaited; where it is false nothing need be read. */
  readonly isAwaited?: boolean;
  /**
   * The runtime says that the stream is another request's. `unsent`: of a write that was the only one under way, and of which
   * nothing was sent. The stream is not to be touched any more.
   */
  refused?(unsent: boolean): void;
  /** `code` is the runtime's name for what happened; `END` when the peer closed in good order. */
  lost(code: string, message: string): void;
}

/** An open, or opening, byte stream. */
export interface Stream {
  /**
   * Writes bytes, or text as UTF-8, of `byteLength` bytes. They are only lent. Returns false to ask for a pause until
   * `drained`.
   */
  write(content: Uint8Array | string, byteLength: number): boolean;
  /** Writes between the two leave together. */
  cork(): void;
  uncork(): void;
  /** Bytes that it holds and has not handed on. A stream without it counts as stalled until it drains. */
  unsent?(): number;
  /** Closes in good order once everything is written. */
  end(): void;
  /** Closes at once, and calls none of the events any more. */
  destroy(): void;
  /** Calls none of the events any more, and touches nothing that belongs to another request. */
  forget?(): void;
  /** Whether it keeps the process alive. */
  hold(alive: boolean): void;
}
