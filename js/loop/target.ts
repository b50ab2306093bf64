/** A target as the shell knows it: everything that must survive the death of a core, and nothing that decides. */
import { STATES } from "../core/abi.js";
import type { CoreOptions, Registered } from "../core/core.js";
import { bare } from "../core/own.js";
import type { State, Status } from "../core/status.js";
import type { Take } from "../reply/build.js";
import type { Credentials, TlsOptions } from "../transport/security.js";
import type { Endpoint, Via } from "../transport/stream.js";
import type { Engine } from "./engine.js";
import type { Link } from "./link.js";
import type { Scope } from "./scope.js";
import { Stage } from "./stage.js";
import type { Watcher } from "./watchers.js";

/** What a target is made from; the first handle of a target decides. */
export interface TargetSettings {
  /** For the core: `Options` in src/manager/config.rs. */
  readonly options: CoreOptions;
  readonly tls: TlsOptions | undefined;
  readonly family: 0 | 4 | 6;
  readonly credentials: (() => Credentials | Promise<Credentials>) | undefined;
  /** In place of the transport's sockets. */
  readonly via?: Via | undefined;
}

/** How long commands of a handle may take, in milliseconds, and whether they wait for a disabled target. */
export interface Policy {
  readonly connect: number;
  readonly command: number;
  readonly waits: boolean;
  /** `command` is the time for everything, the wait for a link included. */
  readonly total: boolean;
  /** The core's number for it. */
  id: number;
}

/** Who is told of state changes, and of use. */
export interface Subscriber {
  changed(status: Status): void;
  used(): void;
}

/** Writes a line for a state change. */
export interface Log {
  /** Good news may come to it a moment later: to begin to write takes time that others wait for. */
  readonly waits: boolean;
  changed(status: Status, display: string, who: string, story: string): void;
  /** Something that is no state change but should be known. */
  warn?(line: string): void;
}

/** A client's part in a target. */
export interface Handle {
  readonly engine: Engine;
  readonly target: Target;
  readonly policy: Policy;
  readonly mode: number;
  readonly take: Take | undefined;
  /** Keeps the client alive while a command of its is pending: what is collected closes its share of the link. */
  readonly client: unknown;
  /** Which client of this copy of the package it is, for logs. */
  readonly number: number;
  /** A command of its has been staged already. */
  used: boolean;
}

/** Bytes of an argument that leave at the end of the tick, unless their owner does away with them. */
export interface Lent {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly byteLength: number;
}

const settled = Promise.resolve();

export class Target {
  readonly stage = new Stage();
  id: number;
  endpoint: Endpoint;
  stateNumber = 0;
  /** How many links replies came from so far: counted before the first reply of each. */
  epoch = 0;
  /** The server tells of changes of keys that begin with one of `prefixes` on the link that replies come from. */
  tracks = false;
  readonly prefixes: string[] = [];
  /** Keys that the chunk which is being read tells of; undefined stands for all keys. */
  changes: (string | undefined)[] = [];
  readonly watchers = new Set<WeakRef<Watcher>>();
  /** Bytes of their owners' that are staged and were not copied. */
  readonly lent: Lent[] = [];
  /** The link that replies come from. What is staged is held back while it is blocked. */
  link: Link | undefined;
  /** What is held back is being looked after. */
  isHolding = false;
  /** The last handle is gone, and what it had staged is still to be handed over. */
  isLeaving = false;
  /** How many commands, and bytes, may wait. */
  maxStaged = 0;
  maxStagedBytes = 0;
  /** Commands are staged and the flush is due. */
  scheduled = false;
  /** What stages commands of its own once everybody else has. */
  beforeFlush: (() => void)[] = [];
  /** Somebody has asked for it since it was last let go. */
  wanted = false;
  /** THE connection promise; the core keeps it, this is the same one. */
  connection: Promise<Status> | undefined;
  /** Its settler, while it is pending. */
  settle: ((status: Status) => void) | undefined;
  /** Somebody awaits the promise, so it must keep the process alive. */
  awaited = false;
  /** Addresses of the dial under way. */
  addresses: string[] = [];
  /** Why it can never work here: the runtime refuses the core. */
  dead: Status | undefined;
  readonly subscribers = new Set<WeakRef<Subscriber>>();
  /** One of them wants to know when it is used. */
  isWatched = false;
  /** One log a logger, however many handles have it. */
  readonly logs = new Map<object, { log: Log; handles: number }>();
  /** What the first handle decided for all, to notice that another wants something else. */
  linkSettings: string | undefined;
  warned = false;
  /** The server and the database that the first handle meant, if it could tell. */
  place: string | undefined;
  /** A dial is about to be asked for. */
  nudged = false;
  readonly closers: (() => void)[] = [];
  /** Under which it is found. */
  readonly keys: string[] = [];
  joins = 0;
  writes = 0;
  /** Bytes of arguments and of replies that did not enter the core, which counts the others. */
  externalBytes = 0;
  divertedBytes = 0;
  handles = 0;
  /** Number of the dial that began last, and the client that caused it. */
  dial = 0;
  cause = 0;
  /** When a disabled target may be dialled again, in the clock's milliseconds. */
  retryAt = 0;
  dialStarted = 0;
  /** State and reason that loggers and listeners were told last. */
  told = "";
  /** What other subpaths of the package know of it; theirs to interpret. */
  inside: unknown;

  readonly settings: TargetSettings;
  /** Whose it is. */
  readonly scope: Scope;
  /** What the core does not know of it and yet makes it another than one with the same options. */
  readonly kind: string;

  constructor(settings: TargetSettings, registered: Registered, scope: Scope, kind: string) {
    this.settings = settings;
    this.scope = scope;
    this.kind = kind;
    this.id = registered.target;
    this.maxStaged = registered.staged ?? 0;
    this.maxStagedBytes = registered.stagedBytes ?? 0;
    this.endpoint = endpointOf(registered, settings);
  }

  /** Whether what is staged must wait for its link to drain. */
  get isBlocked(): boolean {
    return this.link?.isBlocked === true;
  }

  get state(): State {
    return STATES[this.stateNumber] as State;
  }

  /** Says whether the logger was not known yet. */
  joinLog(logger: object, make: () => Log): boolean {
    const known = this.logs.get(logger);
    if (known === undefined) this.logs.set(logger, { log: make(), handles: 1 });
    else known.handles += 1;
    return known === undefined;
  }

  leaveLog(logger: object): void {
    const known = this.logs.get(logger);
    if (known === undefined) return;
    known.handles -= 1;
    if (known.handles === 0) this.logs.delete(logger);
  }

  /** Tells subscribers that it is used: not within the call that uses it, but in that one's context. */
  announceUse(): void {
    settled.then(() => {
      for (const subscriber of this.subscribers) subscriber.deref()?.used();
    });
  }

  /** Where it is, for people. */
  get display(): string {
    const { host, port, path } = this.endpoint;
    if (path !== undefined) return path;
    if (host === undefined) return "redis";
    return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  }
}

export function endpointOf(registered: Registered, settings: TargetSettings): Endpoint {
  const { host, port, path, tls } = registered;
  const endpoint: { -readonly [Key in keyof Endpoint]: Endpoint[Key] } = bare();
  if (host != null) endpoint.host = host;
  if (port != null) endpoint.port = port;
  if (path != null) endpoint.path = path;
  if (tls) endpoint.tls = settings.tls ?? {};
  return endpoint;
}
