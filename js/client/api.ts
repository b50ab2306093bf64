// AsyncDisposable, which few compilers are told of.
/// <reference lib="esnext.disposable" preserve="true" />
/** The public face of a client. */
import type { Stats, Status } from "../core/status.js";
import type { Value } from "./arguments.js";
import type { Commands } from "./commands.js";
import type { Duration } from "./duration.js";
import type { ClientOptions, Logger, Timeouts } from "./types.js";

/** What a listener of `"state"` is given. */
export type StateListener = (status: Status) => void;

/** What handles on one link may differ in. */
export interface HandleOptions extends CallOptions {
  offline?: "reject" | "wait" | undefined;
  timeouts?: Timeouts | undefined;
  integers?: "number" | "bigint" | undefined;
  logger?: Logger | false | undefined;
  stacks?: boolean | undefined;
}

/** What the calls made through `with({ timeout, signal })` differ in. */
export interface CallOptions {
  /**
   * The longest that a call may take, the wait for a connection included; `timeouts` do not apply to it then. Like
   * those it is rounded up to three digits. Rejects with `TimeoutError`.
   */
  timeout?: Duration | undefined;
  /**
   * Ends the calls when it is aborted: they reject with `signal.reason`, unchanged. A command that was written by then
   * may still be executed; one that was not is never sent. With a signal that is aborted already nothing is sent.
   */
  signal?: AbortSignal | undefined;
}

/** How a client is closed. */
export interface CloseOptions {
  /**
   * How long what is pending may still take before it is rejected; 0 rejects it at once. Default: as long as its own
   * deadlines allow.
   */
  drain?: Duration | undefined;
}

/**
 * A handle on a target. All handles of a target share one link.
 *
 * Commands reject with `ReplyError` for the server's errors and with `UsageError` for mistakes; for want of Redis with
 * `DisabledError`, `TimeoutError` or `ConnectionLostError`, and these need no listener; promises derived from them, such
 * as that of an async function that awaits a call, do. A `ReplyError` or `UsageError` that nobody awaits ends a process,
 * as any unhandled rejection does.
 *
 * `T` is how text comes back (`string`, or `Uint8Array` from `bytes`), `I` how integers do (`number`, or `bigint`).
 */
export interface Client<T = string, I = number> extends Commands<T, I>, AsyncDisposable {
  /**
   * Begins to connect, or joins whoever does: all callers of a target get THE connection promise. Resolves to `ready`,
   * or to `disabled` with the reason, within `timeouts.connect`. **Never rejects.**
   */
  init(): Promise<Status>;

  /**
   * `init()` under node-redis's name: resolves to the client. Never "already opened"; rejects only once the client was closed,
   * which is for good.
   */
  connect(): Promise<this>;

  /**
   * Waits until the client is ready, over as many dials as it takes; for jobs and probes that cannot run without Redis.
   *
   * @param options.timeout default 10 s
   * @throws ConnectError, AuthError or DisabledError with the reason, when it is not ready in time, or never can be;
   *   UsageError for options that are none
   */
  ready(options?: { timeout?: Duration | undefined }): Promise<this>;

  /** Where the target stands, at this moment. */
  status(): Status;

  /** What happened so far; the counters are those of the target, shared by its handles. */
  stats(): Stats;

  /** Whether there is a connection, or one is being made (node-redis's meaning). */
  readonly isOpen: boolean;

  /**
   * Whether commands are written at once. Asking counts as demand: where nothing is under way and a dial may begin, it
   * begins in the background. So `if (!redis.isReady) return load()` recovers by itself.
   */
  readonly isReady: boolean;

  /**
   * Any command, word for word: `call("SET", "k", "v", "EX", 60)`. Arguments are scalars, since only those of the methods
   * have a known meaning: objects and arrays, as input of users may turn out to be, are a `UsageError`.
   *
   * Long `Uint8Array` arguments (over 256 bytes) are not copied until they are written: do not change them before the
   * reply.
   *
   * @throws (as a rejection) UsageError for arguments of a wrong type and for commands that would break a shared link
   */
  call(command: string, ...args: readonly Value[]): Promise<unknown>;

  /**
   * Another handle on the same link, with settings of its own. Close it like any other. Of a client that is closed it is
   * closed as well.
   *
   * With nothing but `timeout` and `signal` it is a view of this client, cheap enough for a single call, and nothing to
   * close (its `close()` closes this client): `redis.with({ timeout: "50ms", signal: request.signal }).get("k")`.
   *
   * Options that make no sense show as the status `bad-option`, and calls reject with `DisabledError`.
   */
  with(options: HandleOptions & { integers: "bigint" }): Client<T, bigint>;
  with(options: HandleOptions & { integers: "number" }): Client<T, number>;
  with(options: HandleOptions): Client<T, I>;

  /**
   * A view of this client whose text replies are plain `Uint8Array`s, for values that are no text. Its `close()` closes this
   * client. Maps become instances of `Map` with such keys, since names that are no text would become the same text: see
   * `Mapped`.
   */
  readonly bytes: Client<Uint8Array, I>;

  /**
   * `"state"`: called after each change of state. `"use"`: called when the connection is used, once a tick, in the context
   * (as of `AsyncLocalStorage`) of whoever called first; for what keeps a function from being suspended. What a listener
   * throws goes to the logger. `"error"` and other names are accepted, for code that was written for other clients;
   * nothing is emitted under them, since nothing here needs a listener to survive.
   */
  on(event: "state", listener: StateListener): this;
  on(event: "use", listener: () => void): this;
  on(event: string, listener: (...args: never[]) => void): this;

  /** Takes a listener back. */
  off(event: string, listener: (...args: never[]) => void): this;

  /**
   * Closes this handle: its commands reject from now on. With the last handle of a target its link is drained, and
   * closed when the last reply has come, at the latest after `timeouts.command`. Resolves then; rejects only, and with the
   * client closed all the same, with a `UsageError` for options that are none, or a `drain` that is no duration.
   *
   * With `drain` it holds the link, and dials if need be, until everything that is pending on this handle and its views has
   * settled, but no longer than that. The rest is then rejected with a `DisabledError` of reason `closed`, whose `sent` says
   * whether the server may have executed the command. Closing again joins the first time, whatever the options.
   */
  close(options?: CloseOptions): Promise<void>;
}

/**
 * Makes a client. Inert: no socket, timer, clock, random number or compiling until the first use. Never throws: what is
 * wrong with the options becomes the status `disabled` with a reason and a hint. Clients of the same target share one
 * link.
 */
export interface CreateClient {
  (options: ClientOptions & { integers: "bigint" }): Client<string, bigint>;
  (options?: ClientOptions): Client;
  (url: string | URL, options: ClientOptions & { integers: "bigint" }): Client<string, bigint>;
  (url: string | URL, options?: ClientOptions): Client;
}
