/**
 * The promises of commands that are not settled, by tag. A slab: the parts of an entry stand in parallel arrays, so that a
 * command costs its promise and nothing else. A tag is the place of its entry and a generation: what is said late of a
 * command that has ended is not taken for news of the one that has its place now.
 */
import { CANCELLED } from "../core/abi.js";

type Resolve = (value: unknown) => void;
type Reject = (error: unknown) => void;

/** An argument that does not enter the core. */
export interface External {
  readonly content: string | Uint8Array;
  readonly byteLength: number;
}

/** Places, and with them the commands that may wait in a thread. Tags have 30 bits, which are small integers everywhere. */
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
  /** Places that are free. Their tags are those that come next. */
  readonly #free: number[] = [];
  readonly #left: ((owner: Owner) => void) | undefined;
  readonly #full: (owner: Owner, name: string) => unknown;
  #size = 0;

  /** `full` makes the error of a command for which there is no place; `left` is called for each that waits no more. */
  constructor(full: (owner: Owner, name: string) => unknown, left?: (owner: Owner) => void) {
    this.#full = full;
    this.#left = left;
  }

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** Of the last `add`. */
  lastTag = 0;

  /** A new promise; its tag is in `lastTag`. Where there is no place it is rejected, and what is staged under its tag skipped. */
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

  /** Whose the command is; undefined once it has ended. */
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

  /** Whether the tag is that promise's. */
  isAt(tag: number, promise: Promise<unknown>): boolean {
    return this.#promises[tag & MASK] === promise;
  }

  /** Whether the command has not ended. */
  has(tag: number): boolean {
    return this.owner(tag) !== undefined;
  }

  /** Nothing happens to a command that has ended, here and in `reject`. */
  resolve(tag: number, value: unknown): void {
    const place = tag & MASK;
    if (this.#tags[place] !== tag) return;
    const resolve = this.#resolves[place] as Resolve;
    this.#forget(tag);
    resolve(value);
  }

  /** `handled`: nobody need listen for the rejection. */
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
    // The next tag of the place; tags have an end.
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

  /** Lets go of those whose owner `isGone`, without settling them; gives what they are still owed. */
  disown(isGone: (owner: Owner) => boolean): { tag: number; command: string; resolve: Resolve; reject: Reject }[] {
    return this.tags()
      .filter((tag) => isGone(this.owner(tag) as Owner))
      .map((tag) => {
        const [promise, rejectIt] = [this.promise(tag), this.#rejects[tag & MASK] as Reject];
        const reject = (error: unknown) => {
          // Not before: what is derived from a promise belongs to whoever derives it.
          promise.catch(nobody);
          rejectIt(error);
        };
        const resolve = this.#resolves[tag & MASK] as Resolve;
        const owed = { tag, command: this.name(tag), resolve, reject };
        this.#forget(tag);
        return owed;
      });
  }

  /** The tags of all that wait. */
  tags(): number[] {
    return this.#tags.filter((tag) => this.has(tag));
  }
}
