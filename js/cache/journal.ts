/** Invalidations that Redis has not acknowledged. As long as there are any, nothing of the namespace is read before them. */

/** What is given up: an entry, the entries of a tag, or all. `name` is the encoded key or tag. */
export interface Operation {
  readonly kind: "key" | "tag" | "clear";
  readonly name: string;
}

interface Entry {
  readonly operation: Operation;
  /** It is under way: since when, for whom, and how it ends. */
  flight: { readonly scope: object; readonly epoch: number; readonly done: Promise<boolean> } | undefined;
}

const ALL: Operation = { kind: "clear", name: "" };
/** So many are sent at once; what waits behind them is not kept from its turn for long. */
const AT_ONCE = 1_000;

export class Journal {
  readonly #entries = new Map<string, Entry>();
  /** More came than it holds: all are covered by giving up the namespace. */
  #overflowed = false;

  get size(): number {
    return this.#entries.size;
  }

  /** Keeps an invalidation. False: there are too many, and the namespace will be given up as a whole. */
  add(operation: Operation, most: number): boolean {
    const key = keyOf(operation);
    if (this.#overflowed || (!this.#entries.has(key) && this.#entries.size >= most)) {
      this.#overflowed = true;
      this.#entries.clear();
      this.#entries.set(keyOf(ALL), { operation: ALL, flight: undefined });
      return false;
    }
    // Anew, though it may be under way: what is invalidated now may have been stored after that.
    this.#entries.set(key, { operation, flight: undefined });
    return true;
  }

  /**
   * Sends what is not on its way, and says when all of it is acknowledged: true if every one was, on that link.
   * `send` resolves to whether it was; it never rejects.
   */
  replay(scope: object, epoch: number, send: (operation: Operation) => Promise<boolean>): Promise<boolean> {
    const waits: Promise<boolean>[] = [];
    let sent = 0;
    for (const [key, entry] of this.#entries) {
      // What another request has sent may never settle here.
      if (entry.flight?.scope !== scope || entry.flight.epoch !== epoch) {
        sent += 1;
        if (sent > AT_ONCE) return Promise.all(waits).then(() => false);
        const done = send(entry.operation).then((isApplied) => {
          if (isApplied) this.#forget(key, entry);
          else if (entry.flight?.done === done) entry.flight = undefined;
          return isApplied;
        });
        entry.flight = { scope, epoch, done };
      }
      waits.push(entry.flight.done);
    }
    return Promise.all(waits).then((all) => all.every(Boolean));
  }

  #forget(key: string, entry: Entry): void {
    if (this.#entries.get(key) !== entry) return;
    this.#entries.delete(key);
    if (this.#entries.size === 0) this.#overflowed = false;
  }
}

const keyOf = ({ kind, name }: Operation): string => `${kind} ${name}`;
