/**
 * The engine: the core and everything around it that one thread has once, however many copies of the package there are.
 *
 * The path of a command: `send…` stages it and schedules the flush · `flush` hands a tick's commands over in one call ·
 * rows come back and are acted upon (here what concerns links and promises, in `actions.ts` what is rare) · `received`
 * hands a chunk over in one call · rows come back, and promises settle.
 *
 * User code never runs inside: settling a promise only queues its continuations, listeners and loggers are deferred. So
 * no call into the core happens while the rows of another are being read.
 */
import * as abi from "../core/abi.js";
import { Core } from "../core/core.js";
import { ReplyError } from "../core/errors.js";
import type { Status } from "../core/status.js";
import { Pending } from "../pending/pending.js";
import { BigValue } from "../reply/big.js";
import { type Form, scalar } from "../reply/build.js";
import type { TextParts } from "../reply/parts.js";
import { reshape } from "../reply/shape.js";
import { TextReader } from "../reply/text.js";
import type { Runtime } from "../transport/runtime.js";
import { act, linked, type Row } from "./actions.js";
import { revive } from "./attach.js";
import { Cancellation } from "./cancellation.js";
import { Clock } from "./clock.js";
import { noPlace, unusable } from "./failures.js";
import { cancelSpoilt, hold, rejectStaged } from "./held.js";
import { isFailure, type Link } from "./link.js";
import { News } from "./news.js";
import { Policies } from "./policies.js";
import { Rejections } from "./rejections.js";
import type { Requests } from "./requests.js";
import { Scope } from "./scope.js";
import type { Argument, Segment } from "./stage.js";
import type { Handle, Target } from "./target.js";
import { tellChanges } from "./watchers.js";

/** Longer arguments do not enter linear memory when they can be written at once, and… */
/** Of one target: see `Engine.track`. */
const MOST_PREFIXES = 64;
const INLINE_READY = 16 << 10;
/** …these not when they must wait: what waits would make linear memory grow for ever. */
const INLINE_WAITING = 256;
const READY = 2;
const SPOILT = "an argument could not be written: its bytes were transferred away or resized, or memory has run out";
const settled = Promise.resolve();
/** The words of 360 commands with one argument. */
const EARLY_WORDS = 1_800;

/** The surroundings of an engine: the runtime and, where input and output belong to requests, the means to tell these apart. */
export interface Platform extends Runtime {
  /** Given by the entry, so that the others do not ship it. */
  tellApart?(engine: Engine, mark: () => () => boolean): Requests;
}

export class Engine {
  readonly runtime: Runtime;
  readonly module: WebAssembly.Module;
  core: Core;
  readonly pending: Pending<Handle>;
  readonly targets = new Map<number, Target>();
  readonly links = new Map<number, Link>();
  /** The thread; all there is, unless there are requests. */
  readonly #thread: Scope;
  /** Where input and output belong to requests. */
  readonly requests: Requests | undefined;
  readonly policies = new Policies();
  readonly news = new News();
  readonly rejections = new Rejections(this);
  readonly #identities = new WeakMap<object, number>();
  #identityCount = 0;
  /** Calls into the core. */
  crossings = 0;
  /** What loggers were told last of each server, where there are many requests. */
  readonly told = new Map<string, string>();
  /** Connection promises that somebody awaits. */
  awaited = 0;
  /** Raised when the core is replaced: nothing of the one before is believed. */
  epoch = 0;
  /** The core is dead, and there is no other for the time being. */
  isDown = false;
  /** When cores died, lately. */
  readonly deaths: number[] = [];
  /** When a core may be tried again, and how many such pauses there were in a row. */
  downUntil = 0;
  pauses = 0;
  readonly #reader: TextReader;
  #busy = false;
  /** Calls of `enter` that are under way. */
  #depth = 0;
  readonly #clock: Clock;
  readonly #cancellations = new WeakMap<AbortSignal, Cancellation>();
  /** Nothing was in flight when the tick's first command was staged. */
  #pipeIsEmpty = false;
  /** End of the chunk that is being received, as an address. */
  #chunkEnd = 0;

  constructor(runtime: Platform) {
    this.runtime = runtime;
    this.#thread = new Scope(this, 0);
    this.requests = runtime.mark && runtime.tellApart?.(this, runtime.mark);
    this.pending = new Pending(noPlace, this.requests && ((handle) => handle.target.scope.request?.ended()));
    this.#clock = new Clock(runtime);
    this.module = runtime.compile();
    this.#reader = new TextReader(runtime);
    this.core = this.newCore();
  }

  /** Functions and buffers are the same when they are the same object, in all copies of the package. */
  identify(value: object): number {
    let number = this.#identities.get(value);
    if (number === undefined) {
      this.#identityCount += 1;
      number = this.#identityCount;
      this.#identities.set(value, number);
    }
    return number;
  }

  /** Whose input and output it is that the running code does. Throws where there can be none. */
  here(): Scope {
    return this.requests === undefined ? this.#thread : this.requests.here();
  }

  newCore(): Core {
    return new Core(this.module, this.runtime.seed());
  }

  // ── Commands ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A command and one text argument. `staged` is its name with the separator. */
  send1(handle: Handle, name: string, staged: string, a: string): Promise<unknown> {
    const { target } = handle;
    const { stage } = target;
    if (a.length > INLINE_WAITING || !handle.used) return this.send(handle, [name, a]);
    if (stage.wordCount + 7 > stage.words.length || stage.text.length > 60_000) stage.reserve(7, 1024);
    const promise = this.pending.add(handle, name);
    const { lastTag } = this.pending;
    if (!target.scheduled) this.schedule(target);
    else if (stage.wordCount > EARLY_WORDS && this.#pipeIsEmpty) this.#flushEarly(target);
    const { words } = stage;
    const at = stage.wordCount;
    words[at] = lastTag;
    words[at + 1] = handle.policy.id;
    words[at + 2] = 2;
    words[at + 3] = name.length;
    words[at + 4] = a.length;
    stage.wordCount = at + 5;
    stage.text += `${staged}${a}\n`;
    return promise;
  }

  /** A command and two text arguments. */
  send2(handle: Handle, name: string, staged: string, a: string, b: string): Promise<unknown> {
    const { target } = handle;
    const { stage } = target;
    if (a.length > INLINE_WAITING || b.length > INLINE_WAITING || !handle.used) return this.send(handle, [name, a, b]);
    if (stage.wordCount + 8 > stage.words.length || stage.text.length > 60_000) stage.reserve(8, 1024);
    const promise = this.pending.add(handle, name);
    const { lastTag } = this.pending;
    if (!target.scheduled) this.schedule(target);
    else if (stage.wordCount > EARLY_WORDS && this.#pipeIsEmpty) this.#flushEarly(target);
    const { words } = stage;
    const at = stage.wordCount;
    words[at] = lastTag;
    words[at + 1] = handle.policy.id;
    words[at + 2] = 3;
    words[at + 3] = name.length;
    words[at + 4] = a.length;
    words[at + 5] = b.length;
    stage.wordCount = at + 6;
    stage.text += `${staged}${a}\n${b}\n`;
    return promise;
  }

  /** Any command. The arguments are valid; the first is its name. */
  send(handle: Handle, args: readonly Argument[]): Promise<unknown> {
    const { target } = handle;
    const promise = this.pending.add(handle, args[0] as string);
    const tag = this.pending.lastTag;
    if (this.requests !== undefined) target.scope.request?.staged(tag, handle, args);
    if (!handle.used) this.#firstUse(handle);
    if (!target.scheduled) this.schedule(target);
    const leaves = target.stateNumber === READY && !target.isBlocked;
    try {
      target.stage.add(tag, handle.policy.id, args, leaves ? INLINE_READY : INLINE_WAITING, this);
    } catch (error) {
      this.pending.reject(tag, error, false);
    }
    return promise;
  }

  /** Keeps an argument that stays outside of the core; gives its length in bytes. */
  keep(tag: number, argument: Argument, inline: number): number {
    const length = typeof argument === "string" ? this.runtime.byteLength(argument) : argument.length;
    const target = this.pending.owner(tag)?.target;
    if (target !== undefined) target.externalBytes += length;
    // What waits may be changed by its owner meanwhile; what leaves at the end of this tick is not worth a copy.
    const leaves = inline === INLINE_READY;
    if (leaves && typeof argument !== "string") target?.lent.push({ tag, content: argument, byteLength: length });
    this.pending.keepExternal(tag, leaves || typeof argument === "string" ? argument : argument.slice(), length);
    return length;
  }

  /** Ends the command that was staged last when the signal says so. */
  cancelOn(signal: AbortSignal, target: Target, promise: Promise<unknown>): void {
    let cancellation = this.#cancellations.get(signal);
    if (cancellation === undefined) {
      cancellation = new Cancellation(this, signal);
      this.#cancellations.set(signal, cancellation);
    }
    cancellation.watch(promise, target, this.pending.lastTag);
  }

  #firstUse(handle: Handle): void {
    handle.used = true;
    this.join(handle.target, handle.number);
  }

  /** Somebody relies on the connection promise of the target. */
  join(target: Target, client: number): void {
    if (target.wanted) target.joins += 1;
    else target.cause = client;
    target.wanted = true;
  }

  /** Something is staged, or about to be. */
  schedule(target: Target): void {
    target.scheduled = true;
    this.#pipeIsEmpty = this.pending.size === 1;
    if (this.#pipeIsEmpty) settled.then(this.#spread);
    target.scope.schedule(target);
    if (target.isWatched) target.announceUse();
    if (!this.#busy) {
      // Nothing else could be hurt by a link that died in a sleep. The timer was set by the time before it; the call into
      // the core that follows sets it anew.
      if (this.#clock.noticeSleep()) target.scope.disarm();
      this.balance();
    }
    target.stage.begin();
  }

  /** The tick's commands come from many microtasks: there may be a chunk's worth of them, and they share one write. */
  readonly #spread = (): void => {
    this.#pipeIsEmpty = false;
  };

  /** The server has nothing to do: it works on the beginning of a large tick while the rest is staged. */
  #flushEarly(target: Target): void {
    this.#pipeIsEmpty = false;
    if (target.stateNumber !== READY) return;
    this.submitAll(target);
    target.stage.begin();
  }

  /** Hands over what is staged, as long as the link takes it; says whether the core lived through it. */
  submitAll(target: Target): boolean {
    const { epoch } = this;
    if (target.dead !== undefined) {
      rejectStaged(this, target);
      return true;
    }
    if (target.lent.length > 0) cancelSpoilt(this, target);
    while (!target.isBlocked) {
      const segment = target.stage.next();
      if (segment === undefined) break;
      this.#submit(target, segment);
      if (this.epoch !== epoch) return false;
    }
    if (!target.stage.isEmpty) {
      target.stage.date(this.now());
      hold(this, target);
    } else {
      target.lent.length = 0;
      this.#leave(target);
    }
    return this.epoch === epoch;
  }

  /** The last handle is gone: once all that it had staged is handed over the link may drain. */
  leave(target: Target): void {
    target.isLeaving = true;
    this.submitAll(target);
  }

  #leave(target: Target): void {
    if (!target.isLeaving) return;
    target.isLeaving = false;
    this.enterFor(target, (core, now) => core.calls.release(target.id, now));
  }

  #submit(target: Target, { words, wordCount, text, bytes, byteCount }: Segment): void {
    this.enterFor(target, (core, now) => {
      const written = core.writeBatch(words, wordCount, text, bytes, byteCount);
      const isAscii = written === text.length;
      const agrees = core.calls.submit(target.id, wordCount, written, +isAscii, byteCount, now);
      if (!agrees) throw new Error("a batch was malformed");
    });
  }

  /** As `enter`, for what concerns one target: does nothing when the core has forgotten it. */
  enterFor(target: Target, call: (core: Core, now: number) => void): void {
    if (target.dead === undefined && this.targets.get(target.id) === target) this.enter(target.scope, undefined, call);
  }

  /** The one door to the core: whatever happens behind it, promises settle. */
  enter(scope: Scope, link: Link | undefined, call: (core: Core, now: number) => void): void {
    const { epoch } = this;
    if (this.requests !== undefined) {
      if (scope.isOver) return;
      // Whoever goes on because of what follows is found at once.
      this.requests.use(scope);
    }
    let cause: unknown;
    let isDead = false;
    this.#depth += 1;
    try {
      this.crossings += 1;
      call(this.core, this.now());
      this.#drain(scope, link);
    } catch (error) {
      cause = error;
      isDead = true;
    }
    this.#depth -= 1;
    // Only the first to see it replaces the core.
    if (isDead && this.epoch === epoch) this.replace(cause);
  }

  /** Asks the core for what changes nothing. One that dies of it is replaced, and its successor is asked. */
  query<T>(ask: (core: Core) => T): T | undefined {
    // Whoever entered it sees it die.
    if (this.#depth > 0) return ask(this.core);
    for (let tries = 0; tries < 2 && !this.isDown; tries += 1) {
      try {
        return ask(this.core);
      } catch (error) {
        this.replace(error);
      }
    }
    return undefined;
  }

  /**
   * The server is to tell `target.watchers` of changes of keys that begin with the prefix, too, on each link: unless there
   * are many already, each of which it compares with all that is written. `target.prefixes` has what it is asked for. Where
   * links belong to requests nobody would listen for long enough.
   */
  track(target: Target, prefix: string): void {
    const { prefixes } = target;
    if (target.dead !== undefined || this.requests !== undefined || prefixes.includes(prefix)) return;
    if (prefixes.length >= MOST_PREFIXES) return;
    prefixes.push(prefix);
    this.enterFor(target, (core, now) => core.track(target.id, prefix, now));
  }

  // ── Links ───────────────────────────────────────────────────────────────────────────────────────────────────────

  opened(link: Link): void {
    this.enter(link.target.scope, undefined, (core, now) => core.calls.opened(link.id, now));
  }

  drained(link: Link): void {
    const { target } = link;
    link.isBlocked = false;
    this.enter(target.scope, undefined, (core, now) => core.calls.drained(link.id, now));
    this.submitAll(target);
  }

  lost(link: Link, code: string, message: string): void {
    this.enter(link.target.scope, undefined, (core, now) => core.lost(link.id, code, message, now));
  }

  /** At most one chunk region's worth of bytes. */
  received(link: Link, chunk: Uint8Array): void {
    this.enter(link.target.scope, link, (core, now) => {
      core.refresh();
      core.u8.set(chunk, core.chunk);
      this.#chunkEnd = core.chunk + chunk.length;
      core.calls.receive(link.id, chunk.length, now);
    });
  }

  // ── Rows ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #drain(scope: Scope, link: Link | undefined): void {
    const { core } = this;
    core.refresh();
    let later: Row[] | undefined;
    let corked: Set<Link> | undefined;
    let spoilt: Link | undefined;
    const { u32, rowCount, received, frames } = core;
    this.#reader.begin(core.u8, this.#chunkEnd);
    for (let row = core.rows, end = row + 4 * rowCount; row < end; row += 4) {
      const head = u32[row] as number;
      const a = u32[row + 1] as number;
      const b = u32[row + 2] as number;
      const c = u32[row + 3] as number;
      const kind = head & 0xff;
      if (kind < abi.ROW_ACTION) {
        if (((head >>> 8) & WHOLE) === WHOLE && kind < abi.KIND_ARRAY) {
          const owner = this.pending.owner(c);
          if (owner === undefined) continue;
          let value: unknown;
          try {
            value = scalar(this.#reader, core.u8, received, head, a, b, owner);
          } catch (cause) {
            this.refuse(c, cause);
            continue;
          }
          if (kind !== abi.KIND_ERROR && head >>> 16 === 0) this.pending.resolve(c, value);
          else this.deliver(c, value, (head >>> 16) & 0xff);
        } else {
          (link as Link).token(head, a, b, c, received);
        }
      } else if (kind === abi.ROW_TRANSMIT) {
        const to = this.links.get(a) as Link;
        // A frame that goes on with an outside argument, and whatever follows it on the same link, leaves in one write.
        if (row + 4 < end && ((u32[row + 4] as number) & 0xff) === abi.ROW_EXTERNAL && corked?.has(to) !== true) {
          corked ??= new Set();
          corked.add(to);
          to.stream?.cork();
        }
        if (!this.#write(to, core.u8.subarray(frames + b, frames + b + c), c)) spoilt = to;
      } else if (kind === abi.ROW_EXTERNAL) {
        const { content, byteLength } = this.pending.external(b, c);
        const to = this.links.get(a) as Link;
        if (typeof content !== "string" && content.length !== byteLength) {
          // The server would take what follows for the content of the argument: not a byte of it must leave.
          to.stream?.destroy();
          spoilt = to;
        } else if (!this.#write(to, content, byteLength)) spoilt = to;
      } else if (kind === abi.ROW_REJECT) {
        this.rejections.add(a, (head >>> 8) & 0xff, b, c);
      } else if (kind === abi.ROW_ABORT) {
        this.links.get(a)?.forget();
      } else if (kind === abi.ROW_PUSH) {
        // Other pushes are for subscribers, which there are none of yet.
        if (head >>> 24 !== abi.PUSHED_INVALIDATE) continue;
        const key =
          b === 0 ? undefined : scalar(this.#reader, core.u8, received, (head & 0xff00) | abi.KIND_BULK, a, b, asText);
        (link as Link).target.changes.push(key as string | undefined);
      } else {
        if (kind === abi.ROW_LINK) linked(this.targets.get(a), this.links.get(b), head >>> 8 === 0, c === 1);
        // These may call the core, and rows are only valid until then.
        later ??= [];
        later.push([head, a, b, c]);
      }
    }
    this.#reader.finish();
    if (corked !== undefined) for (const link of corked) link.stream?.uncork();
    scope.arm(core.deadline);
    if (link !== undefined && link.target.changes.length > 0) tellChanges(link.target);
    this.rejections.settle();
    if (later !== undefined) act(this, later);
    spoilt?.lost("ECONNABORTED", SPOILT);
    if (this.#busy) this.balance();
  }

  /** Says whether the link has it. Otherwise, as when memory has run out, what follows would be read in its place. */
  #write(link: Link, content: Uint8Array | string, byteLength: number): boolean {
    link.target.writes += 1;
    try {
      if (link.stream?.write(content, byteLength) !== false) return true;
    } catch {
      link.stream?.destroy();
      return false;
    }
    this.core.calls.blocked(link.id);
    link.isBlocked = true;
    return true;
  }

  scalar(head: number, a: number, b: number, tag: number, at: number): unknown {
    return scalar(this.#reader, this.core.u8, at, head, a, b, this.pending.owner(tag) ?? asText);
  }

  /** The form in which the caller wants its reply. */
  mode(tag: number): number {
    return this.pending.owner(tag)?.mode ?? 0;
  }

  /** Gives a text that comes in parts the next one. */
  addPart(parts: TextParts, start: number, end: number): void {
    parts.add(this.core.u8, start, end);
  }

  beginBig(length: number, tag: number, skipped: boolean): BigValue {
    const owner = skipped ? undefined : this.pending.owner(tag);
    return new BigValue(this.runtime, length, owner?.mode ?? 0, owner === undefined);
  }

  /** Gives a large value the part of it that has been received into linear memory. */
  fillBig(big: BigValue, start: number): void {
    big.fill(this.core.u8, start, Math.min(this.#chunkEnd, start + big.missing));
  }

  /** A command is answered. */
  deliver(tag: number, value: unknown, shape: number): void {
    const owner = this.pending.owner(tag);
    if (owner === undefined) return;
    if (isFailure(value)) {
      const { target } = owner;
      const command = this.pending.name(tag);
      const details = { command, target: target.display };
      const relayed = target.settings.via?.revive(value.message);
      if (relayed !== undefined) this.pending.reject(tag, relayed, true);
      else
        this.pending.reject(tag, value instanceof ReplyError ? new ReplyError(value.message, details) : value, false);
    } else if (shape === 0) {
      this.pending.resolve(tag, value);
    } else {
      let shaped: unknown;
      try {
        shaped = reshape(value, shape, owner.mode);
      } catch (cause) {
        this.refuse(tag, cause);
        return;
      }
      this.pending.resolve(tag, shaped);
    }
  }

  /** A command is answered, and of its reply no value can be made. */
  refuse(tag: number, cause: unknown): void {
    const display = this.pending.owner(tag)?.target.display ?? "redis";
    this.pending.reject(tag, unusable(this.pending.name(tag), display, cause), true);
  }

  // ── Time and liveness ───────────────────────────────────────────────────────────────────────────────────────────

  /** See `Clock`. */
  now(): number {
    return this.#clock.now();
  }

  /** What is pending keeps the process alive, what is idle does not. */
  balance(): void {
    // No request may touch another's links, and each keeps itself alive.
    if (this.requests !== undefined) return;
    const busy = this.pending.size + this.awaited > 0;
    if (busy === this.#busy) return;
    this.#busy = busy;
    for (const link of this.links.values()) link.stream?.hold(busy);
    if (this.links.size === 0) this.#thread.holdTimer();
  }

  /** A link has come or gone. */
  linksChanged(): void {
    this.#thread.holdTimer();
  }

  get isBusy(): boolean {
    return this.#busy;
  }

  // ── Death ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The core died: everything that it knew is settled, and a new one takes its place. */
  replace(cause: unknown): void {
    this.epoch += 1;
    this.deaths.push(this.now());
    this.requests?.forgetOthers();
    this.#thread.clear();
    for (const link of this.links.values()) {
      link.target.scope.links.delete(link);
      link.close(false);
    }
    this.links.clear();
    for (const target of this.targets.values()) {
      target.stage.clear();
      target.scope.clear();
      target.scheduled = false;
      target.link = undefined;
      target.tracks = false;
      target.changes = [];
    }
    this.rejections.died(cause);
    const asking = [...this.targets.values()].filter(({ beforeFlush }) => beforeFlush.length > 0);
    revive(this);
    for (const target of asking) this.schedule(target);
    this.balance();
  }

  statusOf(target: Target): Status {
    if (target.dead !== undefined) return target.dead;
    const status = this.query((core) => core.status(target.id));
    const origin = this.runtime.timeOrigin();
    if (target.dead !== undefined) return target.dead;
    if (status === undefined) return { state: "closed", attempts: 0, since: origin };
    status.since += origin;
    if (status.state === "disabled" && status.retryAt !== undefined) status.retryAt += origin;
    return status;
  }
}

const WHOLE = abi.FLAG_FIRST | abi.FLAG_LAST;
const asText: Form = { mode: 0, take: undefined };
