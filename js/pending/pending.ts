/**
 * The promises of commands that are not settled, by tag. A slab: tags are indices that are used again, and the parts of
 * an entry stand in parallel arrays, so that a command costs its promise and nothing else.
 */

type Resolve = (value: unknown) => void;
type Reject = (error: unknown) => void;

/** An argument that does not enter the core. */
export interface External {
  readonly content: string | Uint8Array;
  readonly byteLength: number;
}

/** A promise that was taken out, to be rejected by whoever has it, and why. */
export interface Ended<Owner> {
  readonly promise: Promise<unknown>;
  readonly reject: Reject;
  readonly owner: Owner;
  readonly name: string;
  /** The words of the row that ended it. */
  readonly kind: number;
  readonly detail: number;
  readonly sent: number;
}

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
  readonly #externals = new Map<number, External[]>();
  readonly #free: number[] = [];
  readonly #left: ((owner: Owner) => void) | undefined;
  #size = 0;

  /** `left` is told of each that waits no more. */
  constructor(left?: (owner: Owner) => void) {
    this.#left = left;
  }

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** Of the last `add`. */
  lastTag = 0;

  /** A new promise; its tag is in `lastTag`. */
  add(owner: Owner, name: string): Promise<unknown> {
    const promise = new Promise<unknown>(capture);
    const tag = this.#free.length > 0 ? (this.#free.pop() as number) : this.#resolves.length;
    this.#resolves[tag] = resolveOfLast;
    this.#rejects[tag] = rejectOfLast;
    this.#promises[tag] = promise;
    this.#owners[tag] = owner;
    this.#names[tag] = name;
    this.#size += 1;
    this.lastTag = tag;
    return promise;
  }

  owner(tag: number): Owner {
    return this.#owners[tag] as Owner;
  }

  name(tag: number): string {
    return this.#names[tag] as string;
  }

  promise(tag: number): Promise<unknown> {
    return this.#promises[tag] as Promise<unknown>;
  }

  /** Whether the tag is that promise's: tags are used again. */
  isAt(tag: number, promise: Promise<unknown>): boolean {
    return this.#promises[tag] === promise;
  }

  has(tag: number): boolean {
    return this.#resolves[tag] !== undefined;
  }

  resolve(tag: number, value: unknown): void {
    const resolve = this.#resolves[tag] as Resolve;
    this.#forget(tag);
    resolve(value);
  }

  /** `handled`: nobody need listen for the rejection. */
  reject(tag: number, error: unknown, handled: boolean): void {
    const reject = this.#rejects[tag] as Reject;
    if (handled) (this.#promises[tag] as Promise<unknown>).catch(nobody);
    this.#forget(tag);
    reject(error);
  }

  /** Takes a promise out: its tag may be another's from here on. */
  take(tag: number, kind: number, detail: number, sent: number): Ended<Owner> {
    const promise = this.#promises[tag] as Promise<unknown>;
    const ended = {
      promise,
      reject: this.#rejects[tag] as Reject,
      owner: this.owner(tag),
      name: this.name(tag),
      kind,
      detail,
      sent,
    };
    this.#forget(tag);
    return ended;
  }

  #forget(tag: number): void {
    this.#left?.(this.#owners[tag] as Owner);
    this.#resolves[tag] = undefined;
    this.#rejects[tag] = undefined;
    this.#promises[tag] = undefined;
    this.#owners[tag] = undefined;
    if (this.#externals.size > 0) this.#externals.delete(tag);
    this.#free.push(tag);
    this.#size -= 1;
  }

  /** Keeps an argument that does not enter the core until it is written. */
  keepExternal(tag: number, content: string | Uint8Array, byteLength: number): void {
    const external = { content, byteLength };
    const kept = this.#externals.get(tag);
    if (kept === undefined) this.#externals.set(tag, [external]);
    else kept.push(external);
  }

  external(tag: number, index: number): External {
    return this.#externals.get(tag)?.[index] as External;
  }

  /** Lets go of those whose owner `isGone`, without settling them; gives what they are still owed. */
  disown(isGone: (owner: Owner) => boolean): { command: string; reject: Reject }[] {
    return this.tags()
      .filter((tag) => isGone(this.owner(tag)))
      .map((tag) => {
        const [promise, rejectIt] = [this.#promises[tag] as Promise<unknown>, this.#rejects[tag] as Reject];
        const reject = (error: unknown) => {
          // Not before: what is derived from a promise belongs to whoever derives it.
          promise.catch(nobody);
          rejectIt(error);
        };
        const owed = { command: this.name(tag), reject };
        this.#forget(tag);
        return owed;
      });
  }

  /** The tags of all that wait. */
  tags(): number[] {
    return [...this.#resolves.keys()].filter((tag) => this.has(tag));
  }
}
