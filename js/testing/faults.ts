/** Faults of a connection, described as plain data. */

/**
 * The fault that strikes once a flow has reached its `after`:
 *
 * - `"drop"`: everything that follows is swallowed silently, as when a firewall forgets a connection. `heal()` resets a
 *   connection that has lost bytes.
 * - `"stall"`: nothing more is read, so that the sender's buffers fill up, until another fault or `heal()`.
 * - `"end"`: a half-close: the receiver sees the end of this flow, the other flow goes on.
 * - `"close"`: both ends see the connection closed in good order.
 * - `"reset"`: both ends see a TCP reset.
 * - `"repeat"`: the next piece passes twice.
 * - `{ wait }`: the flow stops for this many milliseconds, then goes on.
 * - `{ say }`: the receiver gets these bytes as well, and the flow goes on.
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

/** Faults of one direction of a connection. Each property works by itself and with the others. */
export interface Flow {
  /** Delays all bytes by this many milliseconds. */
  readonly delay?: number | undefined;
  /** The most bytes that leave in one write; the next write follows in another turn of the event loop. */
  readonly split?: number | undefined;
  /** Milliseconds between two such writes. Default 0. With `split: 1` the flow trickles. */
  readonly pace?: number | undefined;
  /** Bytes that pass before `do`. Default 0: at once, before anything has come. */
  readonly after?: number | undefined;
  readonly do?: Strike | undefined;
}

/** Faults of a connection; a direction that is absent passes unharmed. */
export interface Fault {
  /** The bytes that the client sends. */
  readonly toServer?: Flow | undefined;
  /** The bytes that the server sends. */
  readonly toClient?: Flow | undefined;
}

/** A connection that a script decides about. */
export interface ProxiedConnection {
  /** Counted from 1. */
  readonly number: number;
}

/**
 * The fault of a new connection: the same for all, or the result of a function; undefined lets it pass. If the function
 * throws, or returns something that is not a fault, the connection is reset, and `errors` and `close()` of the proxy report it.
 */
export type Script = Fault | ((connection: ProxiedConnection) => Fault | undefined) | undefined;
