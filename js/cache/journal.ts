/** Invalidations that Redis has not acknowledged. As long as there are any, nothing that they concern is read before them. */
import type { Names } from "./keys.js";

/** What is given up: an entry, the entries of a tag, or all. `name` is the encoded key or tag. */
export interface Operation {
  readonly kind: "key" | "tag" | "clear";
  readonly name: string;
}

/** What became of an attempt: it is acknowledged on the link that reads; the server refuses it; it is not known. */
export type Attempt = "applied" | "refused" | "failed";

/** What was sent at once. */
interface Wave {
  readonly scope: object;
  readonly epoch: number;
  readonly done: Promise<unknown>;
}

class Entry {
  readonly operation: Operation;
  /** It is under way. */
  wave: Wave | undefined;
  appliedBy: Wave | undefined;
  /** The server has refused it so often… */
  refusals = 0;
  /** …the last time on that link, and is not asked there again before. */
  refusedOn = 0;
  notBefore = Number.NEGATIVE_INFINITY;

  constructor(operation: Operation) {
    this.operation = operation;
  }

  isDue(epoch: number, now: number): boolean {
    return this.refusedOn !== epoch || now >= this.notBefore;
  }
}

/** Must come before a question. */
export interface Blocker {
  /** It was on its way before the question, and has been acknowledged. */
  readonly isGone: boolean;
}

const blocker = (entry: Entry, wave: Wave | undefined): Blocker => ({
  get isGone() {
    return wave !== undefined && entry.appliedBy === wave;
  },
});

export const ALL: Operation = { kind: "clear", name: "" };
/** So many are sent at once; what waits behind them is not kept from its turn for long. */
const AT_ONCE = 500;
/** Pauses between two attempts where the server refuses, in milliseconds. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5_000;

const nothing: ReadonlyMap<string, Blocker> = new Map();

export class Journal {
  readonly #names: Names;
  /** By the key in Redis that is to be removed. */
  readonly #entries = new Map<string, Entry>();
  /** More came than it holds: all are covered by giving up the namespace. */
  #overflowed = false;
  #tags = 0;
  /** Nothing of it may be sent before, on that link: the server has refused it all. */
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #pausedOn = 0;
  #wave: Wave | undefined;

  constructor(names: Names) {
    this.#names = names;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Keeps an invalidation. False: there are too many, and the namespace will be given up as a whole. */
  add(operation: Operation, most: number): boolean {
    const key = this.#names.of(operation);
    if (this.#overflowed || (!this.#entries.has(key) && this.#entries.size >= most)) {
      this.#overflowed = true;
      this.#entries.clear();
      this.#tags = 0;
      this.#put(this.#names.generation, new Entry(ALL));
      return false;
    }
    // Anew, though it may be under way: what is invalidated now may have been stored after that.
    this.#put(key, new Entry(operation));
    return true;
  }

  #put(key: string, entry: Entry): void {
    const before = this.#entries.get(key);
    if (before === undefined) {
      if (entry.operation.kind === "tag") this.#tags += 1;
      this.#pausedUntil = Number.NEGATIVE_INFINITY;
    } else {
      entry.refusals = before.refusals;
      entry.refusedOn = before.refusedOn;
      entry.notBefore = before.notBefore;
    }
    this.#entries.set(key, entry);
  }

  /**
   * Sends what is due, a part of it if it is much, unless what was sent before has not been answered; and says when what is on
   * its way has been. Undefined when there is nothing to wait for. `send` never rejects.
   */
  replay(
    scope: object,
    epoch: number,
    now: number,
    send: (operation: Operation) => Promise<Attempt>,
  ): Promise<unknown> | undefined {
    // What another request has sent may never settle here.
    if (this.#wave?.scope === scope && this.#wave.epoch === epoch) return this.#wave.done;
    if (this.#pausedOn === epoch && now < this.#pausedUntil) return undefined;
    const due: Entry[] = [];
    let pausedUntil = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.values()) {
      if (!entry.isDue(epoch, now)) pausedUntil = Math.min(pausedUntil, entry.notBefore);
      else if (due.push(entry) === AT_ONCE) break;
    }
    if (due.length === 0) {
      this.#pausedOn = epoch;
      this.#pausedUntil = pausedUntil;
      return undefined;
    }
    const sent = due.map((entry) => send(entry.operation).then((attempt) => this.#judge(entry, wave, attempt, now)));
    const done = Promise.all(sent).then(() => {
      if (this.#wave === wave) this.#wave = undefined;
    });
    const wave: Wave = { scope, epoch, done };
    this.#wave = wave;
    for (const entry of due) entry.wave = wave;
    return done;
  }

  #judge(entry: Entry, wave: Wave, attempt: Attempt, now: number): void {
    if (attempt === "applied") {
      entry.appliedBy = wave;
      this.#forget(entry);
      return;
    }
    if (entry.wave === wave) entry.wave = undefined;
    if (attempt === "refused") {
      entry.refusedOn = wave.epoch;
      entry.notBefore = now + Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** entry.refusals);
      entry.refusals += 1;
    }
  }

  /** Which of them concern a question for those keys that is asked now, by which of them. */
  blockers(keys: readonly string[], scope: object, epoch: number): ReadonlyMap<string, Blocker> {
    if (this.#entries.size === 0) return nothing;
    const found = new Map<string, Blocker>();
    const look = (key: string): Blocker | undefined => {
      const entry = this.#entries.get(key);
      if (entry === undefined) return undefined;
      const { wave } = entry;
      return blocker(entry, wave?.scope === scope && wave.epoch === epoch ? wave : undefined);
    };
    for (const key of keys) {
      const one = key === this.#names.sequence ? this.#anyTag(look) : look(key);
      if (one !== undefined) found.set(key, one);
    }
    return found;
  }

  /** What depends on all tags has to wait for each of them. */
  #anyTag(look: (key: string) => Blocker | undefined): Blocker | undefined {
    if (this.#tags === 0) return undefined;
    const all: Blocker[] = [];
    for (const [key, { operation }] of this.#entries) if (operation.kind === "tag") all.push(look(key) as Blocker);
    return {
      get isGone() {
        return all.every(({ isGone }) => isGone);
      },
    };
  }

  #forget(entry: Entry): void {
    const key = this.#names.of(entry.operation);
    if (this.#entries.get(key) !== entry) return;
    this.#entries.delete(key);
    if (entry.operation.kind === "tag") this.#tags -= 1;
    if (this.#entries.size === 0) this.#overflowed = false;
  }
}
