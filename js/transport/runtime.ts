/** The platform: a way to open byte streams, a clock, timers, text codecs. */
import type { Endpoint, Stream, StreamEvents, Via } from "./stream.js";

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
  /** The console writes lines other than warnings to standard output, which belongs to the program. */
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
  /** Process and thread, for logs. */
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
  open(endpoint: Endpoint, events: StreamEvents): Stream;
  /** Resolves the option `via` on runtimes that support it. Throws an error that says what is wrong with the option. */
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
  /** Keeps the request that is here alive until the promise is settled. */
  waitUntil?(promise: Promise<unknown>): void;
}
