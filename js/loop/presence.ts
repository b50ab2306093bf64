/** A request on a runtime where input and output belong to requests: whether it is here, and whether it still lives. */
import type { Runtime } from "../transport/runtime.js";
import { type Guard, givenUp } from "./guard.js";
import type { Link } from "./link.js";
import type { Argument } from "./stage.js";
import type { Handle } from "./target.js";

/**
 * Nobody says that a request has ended. But its timers end with it, and its scope's timer is set so that it goes off at the
 * latest after so many milliseconds, then less and less often: it beats, and a request that has missed its beat is over.
 */
const FIRST_BEAT = 10;
/** Where requests have tokens the dead are in nobody's way, and few requests live for so long. */
const FIRST_BEAT_BESIDE_TOKENS = 100;
const SLOWEST_BEAT = 10_000;
/** What has done nothing for so long beats no more: a timer would keep an object awake that could sleep. */
const DORMANT = 5_000;
/** A blocked event loop makes beats late, but all of them: a beat that was due so much later has come… */
const ORDER = 15;
/** …or this has passed… */
const GRACE = 1_000;
/** …and who waits for a reply may only be forgotten when there can be no doubt. */
const GRACE_IF_WAITING = 10_000;
/** The flush comes after so many rounds of microtasks in which no command was staged… */
const QUIET_ROUNDS = 12;
/** …and after so many in any case. */
const ROUNDS = 256;

const settled = Promise.resolve();

/** A rejection that is still owed to somebody. */
export interface Owed {
  readonly tag: number;
  readonly command: string;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Who is told of what a request's beat shows. */
export interface Signs {
  /** Its links are to be closed. */
  idle(): void;
  /** It has given the sign of life that was due then. */
  served(due: number): void;
  /** Whether nothing has shown so far that requests can be told apart. */
  isDoubtful(): boolean;
  /** Watches the commands of a tick. */
  guard(): Guard;
}

export class Presence {
  /** What clients have in it; theirs to interpret. */
  readonly seats = new Map<object, unknown>();
  readonly isHere: () => boolean;
  /** Commands and dials that are not settled. */
  open = 0;
  /** Functions that run in it explicitly. */
  runs = 0;
  lastUsed: number;
  /** It is a Durable Object that says so. */
  isPlace = false;
  /** Its links are closed when it has done nothing for so many milliseconds; otherwise they stay while it lives. */
  idleAfter = Number.POSITIVE_INFINITY;
  /** When it must have given a sign of life. */
  beatAt: number;
  #beat: number;
  #staged = 0;
  /** Of this tick. */
  #fresh = 0;
  #guard: Guard | undefined;
  readonly #guards = new Set<Guard>();
  /** Of the last tick. */
  lastGuard: Guard | undefined;
  /** A tick of it has been handed over. */
  isSpent = false;
  #done: (() => void) | undefined;
  #waitUntil: ((promise: Promise<unknown>) => void) | undefined;
  #left: { links: Link[]; owed: Owed[] } | undefined;
  readonly #signs: Signs;
  /** What the runtime calls it: at its beginning, and last. */
  firstToken: object | undefined;
  token: object | undefined;
  /** Neighbours by use, for `Requests`. */
  newer: Presence | undefined;
  older: Presence | undefined;

  constructor(runtime: Runtime, isHere: () => boolean, signs: Signs) {
    this.isHere = isHere;
    this.#signs = signs;
    this.lastUsed = runtime.now();
    this.#waitUntil = runtime.waitUntil;
    this.token = this.firstToken = runtime.token?.();
    this.#beat = this.token === undefined ? FIRST_BEAT : FIRST_BEAT_BESIDE_TOKENS;
    this.beatAt = this.lastUsed + this.#beat;
  }

  /** It goes by several tokens, as a Durable Object does, whose events are a request each. */
  get isObject(): boolean {
    return this.isPlace || this.token !== this.firstToken;
  }

  /** It is used: whatever was dormant beats again. */
  use(now: number): void {
    this.lastUsed = now;
    if (this.beatAt === Number.POSITIVE_INFINITY) this.beatAt = now + this.#beat;
  }

  /** Its timer went off. Says whether it goes on. */
  alive(now: number): boolean {
    this.#signs.served(this.beatAt);
    const idle = this.open > 0 ? 0 : now - this.lastUsed;
    if (idle >= this.idleAfter) {
      this.#signs.idle();
      return false;
    }
    this.#beat = Math.min(SLOWEST_BEAT, 1.5 * this.#beat);
    const next = Math.min(now + this.#beat, this.lastUsed + this.idleAfter);
    const isDormant = idle >= DORMANT && this.idleAfter === Number.POSITIVE_INFINITY;
    this.beatAt = isDormant ? Number.POSITIVE_INFINITY : Math.max(now + 1, next);
    return true;
  }

  /** Whether it has not given the sign of life that it must have given; `served`: others that were due then have. */
  isOverdue(now: number, served: number): boolean {
    if (this.open > 0) return now > this.beatAt + GRACE_IF_WAITING;
    return served > this.beatAt + ORDER || now > this.beatAt + GRACE;
  }

  /** The request is to be kept alive by this, which belongs to it, instead of by what the runtime offers to all. */
  keepAliveBy(waitUntil: (promise: Promise<unknown>) => void): void {
    this.#waitUntil = waitUntil;
  }

  /** A command was staged. */
  staged(tag: number, handle: Handle, args: readonly Argument[]): void {
    this.#staged += 1;
    const isBesideOthers = this.open > this.#fresh;
    this.#fresh += 1;
    this.begun();
    if (this.#guard === undefined && (isBesideOthers || this.#signs.isDoubtful())) {
      this.#guard = this.#signs.guard();
      this.#guards.add(this.#guard);
    }
    this.#guard?.add(tag, handle, args);
  }

  /** The tick's commands have been handed over. */
  handedOver(): void {
    this.#fresh = 0;
    this.lastGuard = this.#guard;
    this.#guard = undefined;
    this.isSpent = true;
  }

  /** Whether the command has not ended, and only somebody of its own request can end it. */
  owes(tag: number): boolean {
    return this.#left?.owed.some((owed) => owed.tag === tag) === true;
  }

  get owesAnything(): boolean {
    return this.#left !== undefined && this.#left.owed.length > 0;
  }

  /** Takes what it owes of those out. */
  release(tags: ReadonlySet<number>): Owed[] {
    if (this.#left === undefined) return [];
    const { links, owed } = this.#left;
    this.#left = { links, owed: owed.filter(({ tag }) => !tags.has(tag)) };
    return owed.filter(({ tag }) => tags.has(tag));
  }

  /** A command or a dial is under way: the request must not end before it. */
  begun(): void {
    this.open += 1;
    if (this.open === 1) this.#waitUntil?.(new Promise<void>((done) => (this.#done = done)));
  }

  ended(): void {
    this.open -= 1;
    if (this.open > 0 || this.#left !== undefined) return;
    for (const guard of this.#guards) guard.stop();
    this.#guards.clear();
    this.#done?.();
    this.#done = undefined;
  }

  /** Runs `flush` when nobody stages any more: callers at several depths of promises share a write. */
  gather(flush: () => void): void {
    let seen = this.#staged;
    let quiet = 0;
    let rounds = 0;
    const look = () => {
      quiet = seen === this.#staged ? quiet + 1 : 0;
      seen = this.#staged;
      rounds += 1;
      if (quiet < QUIET_ROUNDS && rounds < ROUNDS) settled.then(look);
      else {
        this.handedOver();
        flush();
      }
    };
    settled.then(look);
  }

  /** It is taken for over. What it leaves is not touched: that would be another request's input and output. */
  leave(links: Link[], owed: Owed[]): void {
    this.#left = { links, owed };
  }

  /** It was taken for over, and lives all the same: now that it is here, what it left can be dealt with. */
  bury(): void {
    const left = this.#left;
    if (left === undefined) return;
    this.#left = { links: [], owed: [] };
    for (const link of left.links) link.stream?.destroy();
    for (const { command, reject } of left.owed) reject(givenUp(command, "maybe"));
    this.#done?.();
  }
}
