/** A client: one handle on a target that may have many. */
import { nothing } from "../core/core.js";
import { DisabledError, UsageError } from "../core/errors.js";
import { engineIfAny, engineOf } from "../core/registry.js";
import type { DisabledStatus, Stats, Status } from "../core/status.js";
import { isNews } from "../loop/actions.js";
import { attach, connect, hold, isDead, nudge, policyOf } from "../loop/attach.js";
import { drain } from "../loop/drain.js";
import { Engine, type Platform } from "../loop/engine.js";
import { disabled } from "../loop/failures.js";
import type { Scope } from "../loop/scope.js";
import type { Argument } from "../loop/stage.js";
import type { Handle, Subscriber, Target } from "../loop/target.js";
import { owedBy } from "../loop/watchers.js";
import { MODE } from "../reply/build.js";
import type { CloseOptions, HandleOptions } from "./api.js";

import { flatten, LONGEST_SURE, oversized, type Value } from "./arguments.js";
import type { Duration } from "./duration.js";

import type { Grammar } from "./grammar.js";
import { conflicts } from "./identity.js";
import { INSIDE, type Inside, insideOf } from "./inside.js";
import { Listeners } from "./listeners.js";
import { StateLog } from "./log.js";
import {
  drainLimit,
  type HandleSettings,
  handleProblem,
  handleSettings,
  isForCallsOnly,
  readyLimit,
  type Settings,
  settingsOf,
} from "./options.js";
import { notReady, untilReady } from "./ready.js";
import { collected, giveBack, type Share } from "./share.js";
import { endedBy, forgiven, underSignal } from "./signals.js";
import { traceCalls } from "./stacks.js";
import { brokenStatus, misused, outsideStatus } from "./statuses.js";
import type { ClientOptions } from "./types.js";

/** What a client has in a request, on runtimes where every request has links of its own. */
interface Seat {
  readonly handle: Handle;
  readonly share: Share | undefined;
}

let clients = 0;

/** Everything of a client but the commands with names of their own; what its members promise is said in api.ts. */
export class BaseClient implements Subscriber {
  readonly #runtime: Platform;
  readonly #options: ClientOptions;
  readonly #settings: HandleSettings;
  /** The client whose target this one uses, and whether it is only a view of that one, with no share of its own. */
  readonly #origin: BaseClient | undefined;
  readonly #isView: boolean;
  readonly #number: number;
  #settled: Settings | undefined;
  #listeners: Listeners | undefined;
  #handle: Handle | undefined;
  #share: Share | undefined;
  #closing: Promise<void> | undefined;
  /** What is owed to the server is made up for before it closes. */
  #draining: Promise<void> | undefined;
  /** Shut when the client is closed, and one with its views: somebody may have kept one. */
  readonly #door: { isShut: boolean };
  #closedAt = 0;
  #broken: DisabledStatus | undefined;
  /** The last use was where there is no request. */
  #outside: DisabledStatus | undefined;
  #views: Map<number, BaseClient> | undefined;

  /** @internal Use `createClient`. */
  constructor(
    runtime: Platform,
    options: ClientOptions,
    settings?: HandleSettings,
    origin?: BaseClient,
    isView = false,
  ) {
    clients += 1;
    this.#number = clients;
    this.#runtime = runtime;
    this.#options = options;
    this.#origin = origin;
    this.#isView = isView;
    this.#door = isView && origin !== undefined ? origin.#door : { isShut: false };
    const base = {
      connect: 2_000,
      command: 1_000,
      waits: false,
      mode: MODE.Text,
      take: undefined,
      logger: console,
      timeout: undefined,
      signal: undefined,
      stacks: false,
    };
    this.#settings = settings ?? handleSettings(options, base);
    if (this.#settings.stacks) traceCalls(this);
  }

  /** The handle, made at first use. Undefined where the core cannot run, and once the client is closed. */
  get #attached(): Handle | undefined {
    return this.#door.isShut ? undefined : (this.#handle ?? this.#attach());
  }

  /** The handle, if there is one already. */
  get #present(): Handle | undefined {
    return this.#door.isShut ? undefined : (this.#handle ?? this.#seat?.handle);
  }

  get #seat(): Seat | undefined {
    if (this.#runtime.mark === undefined) return undefined;
    return engineIfAny<Engine>()?.requests?.known()?.request?.seats.get(this) as Seat | undefined;
  }

  /** @internal */
  get target(): Target | undefined {
    return this.#attached?.target;
  }

  /** @internal For other subpaths of the package. */
  get [INSIDE](): Inside {
    const handle = this.#attached;
    if (handle === undefined) return insideOf(this.#runtime, undefined, undefined, this.status().state);
    const { engine, target } = handle;
    target.inside ??= insideOf(this.#runtime, engine, target);
    return target.inside as Inside;
  }

  #attach(): Handle | undefined {
    if (this.#broken !== undefined) return undefined;
    try {
      const place = this.#place();
      if (place === undefined) return undefined;
      const { engine, scope } = place;
      const seat = scope.request?.seats.get(this) as Seat | undefined;
      if (seat !== undefined) return seat.handle;
      const target = this.#isView ? this.#origin?.target : (this.#share?.target ?? this.#join(engine, scope));
      if (target === undefined) return undefined;
      const { connect, command, waits, mode, take, timeout, signal } = this.#settings;
      const policy =
        timeout === undefined
          ? policyOf(engine, { connect, command, waits, total: false })
          : policyOf(engine, { connect: timeout, command: timeout, waits, total: true });
      const handle: Handle = { engine, target, policy, mode, take, client: this, number: this.#number, used: false };
      if (scope.request !== undefined) {
        // Signals or not: calls take the general way, and each finds out whose it is.
        scope.request.seats.set(this, { handle, share: this.#share } satisfies Seat);
        this.#share = undefined;
        return handle;
      }
      // Calls under a signal take the general way, which the absence of a kept handle leads to.
      if (signal !== undefined) return handle;
      this.#handle = handle;
    } catch (error) {
      this.#broken = brokenStatus(this.#runtime, error);
      this.#warn(`disabled (wasm): ${this.#broken.message}. ${this.#broken.hint}`);
    }
    return this.#handle;
  }

  /** Where the running code is. Undefined where links belong to requests and there is none, as while modules are loaded. */
  #place(): { engine: Engine; scope: Scope } | undefined {
    this.#outside = undefined;
    const known = engineIfAny<Engine>();
    // Not even the engine is made there: it needs a random number.
    if (known === undefined && this.#runtime.isInRequest?.() === false) return this.#beside();
    const engine = known ?? engineOf(() => new Engine(this.#runtime));
    if (engine.requests === undefined) return { engine, scope: engine.here() };
    try {
      return { engine, scope: engine.here() };
    } catch {
      return this.#beside();
    }
  }

  /** It has been used where there is no request; in one it will work. */
  #beside(): undefined {
    this.#outside = outsideStatus();
    return undefined;
  }

  #join(engine: Engine, scope: Scope): Target {
    const { logger } = this.#settings;
    let target = this.#origin?.target;
    if (target !== undefined) hold(target);
    else {
      const settings = this.#settingsOf(engine);
      target = attach(engine, scope, settings.target, settings.key, settings.share);
      if (target.linkSettings === undefined) target.linkSettings = settings.link;
      else if (target.linkSettings !== settings.link && !target.warned) {
        target.warned = true;
        const text =
          "set timeouts.connect, idleTimeout, retry or limits of a connection that they share differently: the first decides";
        this.#warn(`${target.display}: two clients ${text}`);
      }
      for (const text of conflicts(engine, target, settings)) this.#warn(text);
    }
    this.#share = { engine, target, logger, subscriber: undefined, released: false };
    // What a request holds it holds for its own time only.
    if (scope.request === undefined) collected?.register(this, this.#share, this);
    if (
      logger !== undefined &&
      target.joinLog(logger, () => new StateLog(logger, this.#runtime)) &&
      target.state === "disabled"
    ) {
      // A target that is disabled from the start has no change to be told of.
      const status = engine.statusOf(target);
      if (isNews(engine, target, status))
        target.logs.get(logger)?.log.changed(status, target.display, this.#runtime.identity(), "configuration");
    }
    if (this.#listeners !== undefined) this.#subscribe();
    return target;
  }

  /** What the options come to: once where that stays the same, since each request of a Worker asks. */
  #settingsOf(engine: Engine): Settings {
    if (this.#settled !== undefined) return this.#settled;
    const settings = settingsOf(this.#options, this.#settings, this.#runtime, (value) => engine.identify(value));
    const [problem] = settings.target.options.texts;
    if (problem === undefined && typeof this.#options.url !== "function") this.#settled = settings;
    return settings;
  }

  #subscribe(): void {
    const share = this.#share ?? this.#seat?.share;
    if (share === undefined) return;
    if (this.#listeners?.has("use") === true) share.target.isWatched = true;
    if (share.subscriber !== undefined) return;
    const isScoped = this.#runtime.mark !== undefined;
    if (!isScoped && typeof WeakRef === "undefined") return;
    // Older Workers have no WeakRef; a request's target does not outlive it by much.
    const strong = { deref: () => this } as unknown as WeakRef<Subscriber>;
    share.subscriber = isScoped ? strong : new WeakRef<Subscriber>(this);
    share.target.subscribers.add(share.subscriber);
  }

  // ── Connecting ──────────────────────────────────────────────────────────────────────────────────────────────────

  init(): Promise<Status> {
    const handle = this.#attached;
    if (handle === undefined) return Promise.resolve(this.status());
    if (!handle.used) handle.used = true;
    const promise = connect(handle.engine, handle.target, handle.number);
    // Who only awaits it, as in `await createClient(…).init()`, keeps the client from being collected and closed.
    promise.then(() => this.#handle);
    return promise;
  }

  connect(): Promise<this> {
    return this.#door.isShut ? this.#away("connect()") : this.init().then(() => this);
  }

  async ready(options: { timeout?: Duration | undefined } = {}): Promise<this> {
    const wait = readyLimit(options);
    if (typeof wait !== "number") throw wait;
    const engine = this.#attached?.engine;
    const status = await untilReady(this, wait, this.#runtime, () => engine?.now() ?? this.#runtime.now());
    // When the time is over the client may be ready for all that.
    if (status.state !== "ready") throw notReady(status, this.#present?.target ?? { display: "redis" });
    return this;
  }

  status(): Status {
    const handle = this.#attached;
    if (handle !== undefined) return handle.engine.statusOf(handle.target);
    const absent = this.#door.isShut ? undefined : (this.#broken ?? this.#outside);
    if (absent === undefined && this.#isView && this.#origin !== undefined) return this.#origin.status();
    return absent ?? { state: "closed", attempts: 0, since: this.#closedAt };
  }

  stats(): Stats {
    const handle = this.#attached;
    const known =
      handle && handle.target.dead === undefined
        ? handle.engine.query((core) => core.stats(handle.target.id))
        : undefined;
    const core = known ?? nothing();
    if (handle === undefined) {
      return { ...core, refused: 0, joins: 0, writes: 0, handles: 0, pending: 0, crossings: 0, memoryBytes: 0 };
    }
    const { engine, target } = handle;
    return {
      ...core,
      bytesIn: core.bytesIn + target.divertedBytes,
      bytesOut: core.bytesOut + target.externalBytes,
      refused: engine.requests?.refusals ?? 0,
      joins: target.joins,
      writes: target.writes,
      handles: target.handles,
      pending: engine.pending.size,
      crossings: engine.crossings,
      memoryBytes: engine.core.memoryBytes,
    };
  }

  get isOpen(): boolean {
    const state = this.#present?.target.state;
    return state === "ready" || state === "connecting";
  }

  get isReady(): boolean {
    const handle = this.#attached;
    if (handle === undefined) return false;
    if (handle.target.state === "ready") return true;
    nudge(handle.engine, handle.target, handle.number);
    return false;
  }

  // ── Commands ────────────────────────────────────────────────────────────────────────────────────────────────────

  call(command: string, ...args: readonly Value[]): Promise<unknown> {
    return this.callAll([command, ...args]);
  }

  /** @internal `call` without a spread, which has no place for a hundred thousand arguments, or by a grammar. */
  callAll(args: readonly unknown[], grammar?: Grammar): Promise<unknown> {
    let flat: Argument[];
    try {
      flat = flatten(args, grammar);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.send(flat);
  }

  /** @internal Valid, flat arguments. */
  send(flat: readonly Argument[]): Promise<unknown> {
    const handle = this.#attached;
    const mistake = oversized(flat, this.#runtime.byteLength);
    if (mistake !== undefined) return Promise.reject(mistake);
    if (handle === undefined || isDead(handle.engine, handle.target)) return this.#away(flat[0] as string);
    const { signal } = this.#settings;
    if (signal === undefined) return handle.engine.send(handle, flat);
    const ended = endedBy(signal, flat[0] as string);
    if (ended !== undefined) return ended;
    const promise = handle.engine.send(handle, flat);
    handle.engine.cancelOn(signal, handle.target, promise);
    return underSignal(promise, signal);
  }

  /** @internal A command of one text. */
  send1(name: string, staged: string, a: string): Promise<unknown> {
    const handle = this.#handle;
    const isUsual = handle !== undefined && handle.target.dead === undefined && a.length <= LONGEST_SURE;
    if (!isUsual || this.#door.isShut) return this.send([name, a]);
    return handle.engine.send1(handle, name, staged, a);
  }

  /** @internal A command of two texts. */
  send2(name: string, staged: string, a: string, b: string): Promise<unknown> {
    const handle = this.#handle;
    const isUsual = handle !== undefined && handle.target.dead === undefined && a.length + b.length <= LONGEST_SURE;
    if (!isUsual || this.#door.isShut) return this.send([name, a, b]);
    return handle.engine.send2(handle, name, staged, a, b);
  }

  #away(command: string): Promise<never> {
    const closed = () => new DisabledError(`${command}: the client was closed`, "closed", { command });
    const status = this.status();
    const target = this.#present?.target ?? { display: "redis" };
    return forgiven(Promise.reject(status.state === "closed" ? closed() : disabled(status, target, command)));
  }

  // ── Handles ─────────────────────────────────────────────────────────────────────────────────────────────────────

  with(options: HandleOptions): this {
    const problem = handleProblem(options);
    const view = problem === undefined && isForCallsOnly(options);
    const derived = this.#derive(handleSettings(options, this.#settings), view);
    if (problem !== undefined) derived.#broken = misused(this.#runtime, problem);
    if (this.#door.isShut && !view) {
      // A handle on nothing: it must not connect anew.
      derived.#door.isShut = true;
      derived.#closedAt = this.#closedAt;
    }
    return derived;
  }

  get bytes(): this {
    return this.#view(this.#settings.mode | MODE.Bytes);
  }

  #view(mode: number): this {
    this.#views ??= new Map();
    let view = this.#views.get(mode);
    if (view === undefined) {
      view = this.#derive({ ...this.#settings, mode }, true);
      this.#views.set(mode, view);
    }
    return view as this;
  }

  #derive(settings: HandleSettings, isView: boolean): this {
    const { constructor: Class } = Object.getPrototypeOf(this) as { constructor: ClientConstructor };
    return new Class(this.#runtime, this.#options, settings, this, isView) as this;
  }

  // ── Events ──────────────────────────────────────────────────────────────────────────────────────────────────────

  on(event: string, listener: unknown): this {
    this.#listeners ??= new Listeners();
    this.#listeners.add(event, listener, (text) => this.#warn(text));
    if (this.#present !== undefined) this.#subscribe();
    return this;
  }

  off(event: string, listener: unknown): this {
    this.#listeners?.delete(event, listener);
    return this;
  }

  /** @internal */
  changed(status: Status): void {
    this.#listeners?.tell("state", (text) => this.#warn(text), status);
  }

  /** @internal */
  used(): void {
    this.#listeners?.tell("use", (text) => this.#warn(text));
  }

  #warn(text: string): void {
    const { logger } = this.#settings;
    if (logger === undefined) return;
    // What came before it is written before it.
    engineIfAny<Engine>()?.news.flush();
    new StateLog(logger, this.#runtime).warn(text);
  }

  // ── Closing ─────────────────────────────────────────────────────────────────────────────────────────────────────

  close(options: CloseOptions = {}): Promise<void> {
    if (this.#isView) return this.#origin?.close(options) ?? Promise.resolve();
    // On the same terms as everywhere, but only here: the links of other requests end with them.
    const seat = this.#door.isShut ? undefined : this.#seat;
    const owed = this.#owed(options);
    if (owed !== undefined) return owed;
    if (!this.#door.isShut) this.#closedAt = this.#runtime.timeOrigin() + this.#runtime.now();
    this.#door.isShut = true;
    if (this.#runtime.mark !== undefined) return this.#end(seat?.share, options);
    if (this.#closing === undefined) {
      this.#handle = undefined;
      collected?.unregister(this);
      this.#closing = this.#end(this.#share, options);
    }
    return this.#closing;
  }

  /** What is owed is made up for first, through the door that is open still. */
  #owed(options: CloseOptions): Promise<void> | undefined {
    if (this.#draining !== undefined) return this.#draining;
    const limit = drainLimit(options);
    if (this.#door.isShut || this.#share === undefined || typeof limit !== "number") return undefined;
    const start = this.#runtime.now();
    const owed = owedBy(this.#share.target, limit);
    if (owed.length === 0) return undefined;
    this.#draining = Promise.all(owed).then(() => {
      const left = Math.max(0, limit - (this.#runtime.now() - start));
      this.#draining = undefined;
      return this.close(left < 1 ? {} : { drain: left });
    });
    return this.#draining;
  }

  async #end(share: Share | undefined, options: CloseOptions): Promise<void> {
    const limit = drainLimit(options);
    if (share !== undefined) await this.#leave(share, typeof limit === "number" ? limit : undefined);
    // Closed it is, so that a mistake in how keeps no process alive.
    if (limit instanceof UsageError) throw limit;
  }

  async #leave(share: Share, limit: number | undefined): Promise<void> {
    // A client of another copy of the package is a stranger to this class.
    const isOwn = ({ client }: Handle) => client instanceof BaseClient && client.#root === this;
    if (limit !== undefined) await drain(share.engine, share.target, isOwn, limit);
    await new Promise<void>((resolve) => giveBack(share, resolve));
    // Listeners are told of the states before it in the same way.
    await new Promise<void>((resolve) => this.#runtime.defer(resolve));
    this.changed(this.status());
  }

  /** The client that it is a view of, or itself. */
  get #root(): BaseClient {
    return this.#isView && this.#origin !== undefined ? this.#origin.#root : this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What `console.log` and `util.inspect` show, whatever they are asked for: what is behind it knows passwords. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    const target = this.#present?.target;
    return `Client <${target === undefined ? "not used yet, or closed" : `${target.display}, ${target.state}`}>`;
  }
}

type ClientConstructor = new (
  runtime: Platform,
  options: ClientOptions,
  settings: HandleSettings,
  origin: BaseClient,
  isView: boolean,
) => BaseClient;
