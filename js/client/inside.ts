/**
 * The inside of a client, for other subpaths of the package. They find it under a registered symbol, so that a cache of
 * one copy of the package can work with a client of another; the number is raised when this interface breaks.
 */
import type { State } from "../core/status.js";
import type { Engine } from "../loop/engine.js";
import type { Target } from "../loop/target.js";
import type { Take } from "../reply/build.js";
import type { Runtime, Timer } from "../transport/runtime.js";

/** @internal */
export const INSIDE: unique symbol = Symbol.for("edgis.inside.1") as never;

/**
 * An option of `with`: what makes values of byte strings while they are still in received memory. Large ones come as bytes.
 * @internal
 */
export const TAKE: unique symbol = Symbol.for("edgis.take.1") as never;

/** @internal */
export interface Taking {
  readonly [TAKE]?: Take;
}

/** @internal */
export interface Inside {
  /** Equal for all clients of a target in the thread. Absent where the client has no target: closed, no core, no request. */
  readonly identity: string | undefined;
  /** Who may await each other's promises: those of a target, which is one request's where there are requests. */
  readonly scope: object | undefined;
  /** Links and promises belong to requests: nothing that another one made may be awaited. */
  readonly isScoped: boolean;
  readonly state: State;
  /** How many links commands were written to so far; raised before the first reply of a new one is delivered. */
  readonly epoch: number;
  /** For those who watch it. */
  readonly target: Target | undefined;
  /** Has the server tell the target's watchers of keys that begin with the prefix, where it can. */
  track(prefix: string): void;
  /** Monotonic milliseconds, sleep included. */
  now(): number;
  /** Milliseconds since the Unix epoch. */
  wallClock(): number;
  /** Runs `act` once the microtasks of this tick are through: what it stages leaves along with the commands of the tick. */
  beforeFlush(act: () => void): void;
  /** Runs `act` once the event loop has looked for what came in. */
  afterPoll(act: () => void): void;
  /** As it was at load; keeps nothing alive unless told to. */
  setTimer(act: () => void, milliseconds: number): Timer;
  /** Tells the loggers of the target. */
  warn?(line: string): void;
  /** Keeps the request that is here alive until the promise has settled, where there are requests. */
  waitUntil(promise: Promise<unknown>): void;
  ascii(bytes: Uint8Array, start: number, end: number): string;
  utf8(bytes: Uint8Array, start: number, end: number): string;
}

/** A client with an inside. @internal */
export interface HasInside {
  readonly [INSIDE]: Inside;
}

const thread = {};

/** @internal Without an engine and a target: of a client that has none. */
export function insideOf(runtime: Runtime, engine?: Engine, target?: Target, state: State = "disabled"): Inside {
  const isScoped = runtime.mark !== undefined;
  const scope = target ?? (isScoped ? undefined : thread);
  const own = target && (isScoped ? `${target.display} ${target.kind}` : `${engine?.identify(target)}`);
  return {
    identity: target && (target.keys[0] ?? own),
    scope,
    isScoped,
    get state() {
      return target === undefined ? state : (target.dead?.state ?? target.state);
    },
    get epoch() {
      return target?.epoch ?? 0;
    },
    target,
    track(prefix) {
      if (target !== undefined) engine?.track(target, prefix);
    },
    now: () => engine?.now() ?? runtime.now(),
    wallClock: () => runtime.wallClock(),
    beforeFlush(act) {
      if (target === undefined || engine === undefined) return runtime.defer(act);
      target.beforeFlush.push(act);
      if (!target.scheduled) engine.schedule(target);
    },
    afterPoll: (act) => runtime.afterPoll(act),
    setTimer: (act, milliseconds) => runtime.setTimer(act, milliseconds),
    warn(line) {
      for (const { log } of target?.logs.values() ?? []) log.warn?.(line);
    },
    waitUntil: (promise) => runtime.waitUntil?.(promise),
    ascii: (bytes, start, end) => runtime.ascii(bytes, start, end),
    utf8: (bytes, start, end) => runtime.utf8(bytes, start, end),
  };
}
