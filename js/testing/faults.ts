/** What can be done to a connection, described as plain data. */

/**
 * What happens when a flow has come to its `after`:
 *
 * - `"drop"`: all that follows is swallowed, and nobody is told, as when a firewall forgets a connection. For ever: a
 *   connection that has lost bytes is reset by `heal()`.
 * - `"stall"`: nothing more is read, so that the sender's buffers fill up, until another fault or `heal()`.
 * - `"end"`: a half-close: the receiver sees the end of this flow, the other flow goes on.
 * - `"close"`: both ends see the connection closed in good order.
 * - `"reset"`: both ends see a TCP reset.
 * - `"repeat"`: the next piece passes twice.
 * - `{ wait }`: everything waits so many milliseconds, and goes on.
 * - `{ say }`: the receiver gets these bytes besides, and the flow goes on.
 */
export type Strike =
  | "drop"
  | "stall"
  | "end"
  | "close"
  | "reset"
  | "repeat"
  | { readonly wait: number }
  | { readonly say: string | Uint8Array };

/** What happens to one direction of a connection. Each property works by itself and with the others. */
export interface Flow {
  /** Milliseconds by which all bytes are late. */
  readonly delay?: number | undefined;
  /** Bytes that leave in one write at the most; the next write follows in another turn of the event loop. */
  readonly split?: number | undefined;
  /** Milliseconds between two such writes. Default 0. With `split: 1` the flow trickles. */
  readonly pace?: number | undefined;
  /** Bytes that pass before `do`. Default 0: at once, before anything has come. */
  readonly after?: number | undefined;
  readonly do?: Strike | undefined;
}

/** What happens to a connection; a direction that is absent passes unharmed. */
export interface Fault {
  /** What the client sends. */
  readonly toServer?: Flow | undefined;
  /** What the server sends. */
  readonly toClient?: Flow | undefined;
}

/** A connection that a script decides about. */
export interface ProxiedConnection {
  /** Counted from 1. */
  readonly number: number;
}

/**
 * What happens to a new connection: the same for all, or what a function says at once; undefined lets it pass. A function
 * that throws, or gives what is no fault, resets the connection and is told of by `errors` and `close()` of the proxy.
 */
export type Script = Fault | ((connection: ProxiedConnection) => Fault | undefined) | undefined;
