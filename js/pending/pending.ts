/**
 * The promises of commands that are not settled, by tag. A slab: the parts of an entry are in parallel arrays, so that a
 * command allocates its promise and nothing else. A tag combines the slot of its entry with a generation, so that a late
 * message about a command that has ended does not reach the one in its slot now.
 */
import { CANCELLED } from "../core/abi.js";

type Resolve = (value: unknown) => void;
type Reject = (error: unknown) => void;

/** An argument that does not enter the core. */
export interface External {
  readonly content: string | Uint8Array;
  readonly byteLength: number;
}

/** The number of slots, and so of commands that may wait in a thread. Tags have 30 bits: small integers everywhere. */
const PLACES = 1 << 21;
const MASK = PLACES - 1;
const TAGS = 1 << 30;

let resolveOfLast: Resolve;
let rejectOfLast: Reject;
/** One executor for all: a closure for each promise would cost as much as the promise. */
const capture = (resolve: Resolve, reject: Reject): void => {
  resolveOfLast = resolve;
  rejectOfLast = reject;
};

const nobody = (): void => {};

export class Pending<Owner> {
  readonly #resolves: (Resolve | undefined)[] = [];
  readonly #rejects: (Reject | undefined)[] = [];
  readonly #promises: (Promise<unknown> | undefined)[] = [];
  readonly #owners: (Owner | undefined)[] = [];
  readonly #names: string[] = [];
  readonly #tags: number[] = [];
  readonly #externals = new Map<number, External[]>();
  /** Free slots. Their `tags` are already those of the next commands. */
  readonly #free: number[] = [];
  readonly #left: ((owner: Owner) => void) | undefined;
  readonly #full: (owner: Owner, name: string) => unknown;
  #size = 0;

  /** `full` makes the error of a command for which no slot is free; `left` is called for each command that settles. */
  constructor(full: (owner: Owner, name: string) => unknown, left?: (owner: Owner) => void) {
    this.#full = full;
    this.#left = left;
  }

  /** The number of unsettled commands. */
  get size(): number {
    return this.#size;
  }

  /** The tag of the last `add`. */
  lastTag = 0;

  /** Returns a new promise; its tag is in `lastTag`. If no slot is free it is rejected, and what is staged under its tag skipped. */
  add(owner: Owner, name: string): Promise<unknown> {
    let place = this.#free.pop();
    if (place === undefined) {
      place = this.#tags.length;
      if (place === PLACES) return this.#refuse(owner, name);
      this.#tags.push(place);
    }
    const promise = new Promise<unknown>(capture);
    this.#resolves[place] = resolveOfLast;
    this.#rejects[place] = rejectOfLast;
    this.#promises[place] = promise;
    this.#owners[place] = owner;
    this.#names[place] = name;
    this.#size += 1;
    this.lastTag = this.#tags[place] as number;
    return promise;
  }

  #refuse(owner: Owner, name: string): Promise<unknown> {
    const promise = Promise.reject(this.#full(owner, name));
    promise.catch(nobody);
    this.lastTag = CANCELLED;
    return promise;
  }

  /** The owner of a command; undefined once it has settled. */
  owner(tag: number): Owner | undefined {
    const place = tag & MASK;
    return this.#tags[place] === tag ? this.#owners[place] : undefined;
  }

  name(tag: number): string {
    return this.#names[tag & MASK] as string;
  }

  promise(tag: number): Promise<unknown> {
    return this.#promises[tag & MASK] as Promise<unknown>;
  }

  /** Whether the tag belongs to the promise. */
  isAt(tag: number, promise: Promise<unknown>): boolean {
    return this.#promises[tag & MASK] === promise;
  }

  /** Whether the command is unsettled. */
  has(tag: number): boolean {
    return this.owner(tag) !== undefined;
  }

  /** Resolves a command; does nothing if it has settled, and neither does `reject`. */
  resolve(tag: number, value: unknown): void {
    const place = tag & MASK;
    if (this.#tags[place] !== tag) return;
    const resolve = this.#resolves[place] as Resolve;
    this.#forget(tag);
    resolve(value);
  }

  /** Rejects a command. `handled`: the rejection needs no listener. */
  reject(tag: number, error: unknown, handled: boolean): void {
    const place = tag & MASK;
    if (this.#tags[place] !== tag) return;
    const reject = this.#rejects[place] as Reject;
    if (handled) (this.#promises[place] as Promise<unknown>).catch(nobody);
    this.#forget(tag);
    reject(error);
  }

  #forget(tag: number): void {
    const place = tag & MASK;
    this.#left?.(this.#owners[place] as Owner);
    this.#resolves[place] = undefined;
    this.#rejects[place] = undefined;
    this.#promises[place] = undefined;
    this.#owners[place] = undefined;
    if (this.#externals.size > 0) this.#externals.delete(tag);
    // The next tag of the slot; generations wrap.
    const next = tag + PLACES;
    this.#tags[place] = next < TAGS ? next : place;
    this.#free.push(place);
    this.#size -= 1;
  }

  /** Keeps an argument that does not enter the core until it is written. */
  keepExternal(tag: number, content: string | Uint8Array, byteLength: number): void {
    if (!this.has(tag)) return;
    const external = { content, byteLength };
    const kept = this.#externals.get(tag);
    if (kept === undefined) this.#externals.set(tag, [external]);
    else kept.push(external);
  }

  external(tag: number, index: number): External {
    return this.#externals.get(tag)?.[index] as External;
  }

  /** Drops the commands whose owner `isGone`, without settling them; returns functions that settle them later. */
  disown(isGone: (owner: Owner) => boolean): { tag: number; command: string; resolve: Resolve; reject: Reject }[] {
    return this.tags()
      .filter((tag) => isGone(this.owner(tag) as Owner))
      .map((tag) => {
        const [promise, rejectIt] = [this.promise(tag), this.#rejects[tag & MASK] as Reject];
        const reject = (error: unknown) => {
          // Not before: derived promises are their creators' to handle.
          promise.catch(nobody);
          rejectIt(error);
        };
        const resolve = this.#resolves[tag & MASK] as Resolve;
        const owed = { tag, command: this.name(tag), resolve, reject };
        this.#forget(tag);
        return owed;
      });
  }

  /** The tags of all unsettled commands. */
  tags(): number[] {
    return this.#tags.filter((tag) => this.has(tag));
  }
}
