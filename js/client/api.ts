// AsyncDisposable, which most tsconfig files do not include.
/// <reference lib="esnext.disposable" preserve="true" />
/** The public face of a client. */
import type { Stats, Status } from "../core/status.js";
import type { Value } from "./arguments.js";
import type { Commands } from "./commands.js";
import type { Duration } from "./duration.js";
import type { ClientOptions, Logger, Timeouts } from "./types.js";

/** A listener of `"state"`. */
export type StateListener = (status: Status) => void;

/** Settings in which handles on one link may differ. */
export interface HandleOptions extends CallOptions {
  offline?: "reject" | "wait" | undefined;
  timeouts?: Timeouts | undefined;
  integers?: "number" | "bigint" | undefined;
  logger?: Logger | false | undefined;
  stacks?: boolean | undefined;
}

/** Settings of the calls made through `with({ timeout, signal })`. */
export interface CallOptions {
  /**
   * The longest that a call may take, including the wait for a connection; replaces `timeouts`. Rounded up to three
   * significant digits, as those are. Rejects with `TimeoutError`.
   */
  timeout?: Duration | undefined;
  /**
   * Aborting it rejects the calls with `signal.reason`, unchanged. A command that was written by then may still be
   * executed; one that was not is never sent. If the signal is already aborted, nothing is sent.
   */
  signal?: AbortSignal | undefined;
}

/** How a client is closed. */
export interface CloseOptions {
  /**
   * How long pending commands may still take before they are rejected; 0 rejects them at once. Default: as long as their
   * own deadlines allow.
   */
  drain?: Duration | undefined;
}

/**
 * A handle on a target. All handles of a target share one link.
 *
 * Commands reject with `ReplyError` for the server's errors, with `UsageError` for mistakes, and if Redis is away with
 * `DisabledError`, `TimeoutError` or `ConnectionLostError`. The latter three need no listener, although promises derived
 * from them do, such as that of an async function that awaits a call. A `ReplyError` or `UsageError` without a listener
 * ends a process, as any unhandled rejection does.
 *
 * `T` is the type of text in replies (`string`, or `Uint8Array` from `bytes`), `I` that of integers (`number` or `bigint`).
 */
export interface Client<T = string, I = number> extends Commands<T, I>, AsyncDisposable {
  /**
   * Connects, or joins an attempt that is under way: all callers of a target get one connection promise. Resolves to
   * `ready`, or to `disabled` with the reason, within `timeouts.connect`. **Never rejects.**
   */
  init(): Promise<Status>;

  /**
   * `init()` under node-redis's name: resolves to the client, and may be called any number of times. Rejects only after
   * `close()`.
   */
  connect(): Promise<this>;

  /**
   * Waits until the client is ready, over as many dials as that takes; for jobs and probes that cannot run without Redis.
   *
   * @param options.timeout default 10 s
   * @throws ConnectError, AuthError or DisabledError with the reason, if it is not ready in time or never can be;
   *   UsageError for invalid options
   */
  ready(options?: { timeout?: Duration | undefined }): Promise<this>;

  /** The state of the target at this moment. */
  status(): Status;

  /** Counters of the target so far, shared by its handles. */
  stats(): Stats;

  /** Whether there is a connection, or one is being made (node-redis's meaning). */
  readonly isOpen: boolean;

  /**
   * Whether commands are written at once. Reading it counts as demand: a dial that is due begins in the background. So
   * `if (!redis.isReady) return load()` recovers by itself.
   */
  readonly isReady: boolean;

  /**
   * Sends any command, word for word: `call("SET", "k", "v", "EX", 60)`. Arguments are scalars. Objects and arrays, which
   * user input may turn out to be, are a `UsageError`.
   *
   * Long `Uint8Array` arguments (over 256 bytes) are not copied until they are written: do not change them before the
   * reply.
   *
   * @throws (as a rejection) UsageError for arguments of a wrong type and for commands that would break a shared link
   */
  call(command: string, ...args: readonly Value[]): Promise<unknown>;

  /**
   * Returns another handle on the same link, with settings of its own. Close it like any other. The handle of a closed
   * client is closed.
   *
   * With only `timeout` and `signal` it returns a view of this client, cheap enough for a single call. A view needs no
   * closing (its `close()` closes this client): `redis.with({ timeout: "50ms", signal: request.signal }).get("k")`.
   *
   * Invalid options show as the status `bad-option`, and calls reject with `DisabledError`.
   */
  with(options: HandleOptions & { integers: "bigint" }): Client<T, bigint>;
  with(options: HandleOptions & { integers: "number" }): Client<T, number>;
  with(options: HandleOptions): Client<T, I>;

  /**
   * A view of this client whose text replies are plain `Uint8Array`s, for binary values. Its `close()` closes this client.
   * Maps become instances of `Map` with such keys, since different binary names could decode to the same text: see `Mapped`.
   */
  readonly bytes: Client<Uint8Array, I>;

  /**
   * `"state"`: called after each change of state. `"use"`: called when the connection is used, once a tick, in the async
   * context (`AsyncLocalStorage`) of the first caller; for hosts that must be kept from suspending the function. Errors
   * that a listener throws go to the logger. `"error"` and other names are accepted for code written for other clients, and
   * never emitted, since no listener is needed here.
   */
  on(event: "state", listener: StateListener): this;
  on(event: "use", listener: () => void): this;
  on(event: string, listener: (...args: never[]) => void): this;

  /** Removes a listener. */
  off(event: string, listener: (...args: never[]) => void): this;

  /**
   * Closes this handle: its commands reject from now on. With the last handle of a target its link is drained and closed,
   * after `timeouts.command` at the latest; then the promise resolves. Invalid options close the client as well, and reject
   * with a `UsageError`.
   *
   * With `drain` it holds the link, and dials if necessary, until everything pending on this handle and its views has
   * settled, but no longer than that. The rest then rejects with a `DisabledError`, reason `closed`, whose `sent` says
   * whether the server may have executed the command. Closing again joins the first call, whatever its options.
   */
  close(options?: CloseOptions): Promise<void>;
}

/**
 * Makes a client. Inert: no socket, timer, clock, random number or compiling until the first use. Never throws: mistakes
 * in the options become the status `disabled` with a reason and a hint. Clients of the same target share one link.
 */
export interface CreateClient {
  (options: ClientOptions & { integers: "bigint" }): Client<string, bigint>;
  (options?: ClientOptions): Client;
  (url: string | URL, options: ClientOptions & { integers: "bigint" }): Client<string, bigint>;
  (url: string | URL, options?: ClientOptions): Client;
}
