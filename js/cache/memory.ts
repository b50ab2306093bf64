/**
 * L1: values in memory, bounded by bytes, and never trusted for longer than the server can have been silent about them.
 *
 * **What goes first** is decided by SIEVE (Zhang et al., "SIEVE is Simpler than LRU", NSDI 2024): one queue in the order of
 * arrival, a bit that a hit sets, and a hand that goes from the oldest to the newest, spares what was hit and takes what was
 * not. A hit moves nothing, which is what makes it cheap; what is read once, as by a scan, goes before what is read often.
 * S3-FIFO hits as often here, to a point, and must remember the keys of what it has let go of for that.
 *
 * **What is true** is decided by three things. The server tells of changes on the link that reads (`invalidated`), and what
 * a change concerns is gone at once. A reply may be older than a change that came along with it, so a value is only kept
 * when nothing that it depends on has changed since it was asked for (`begin`, `fill`): the server may tell of two changes
 * in one turn of its loop by one message, so that not even the message about one's own write proves that the written value
 * is the latest; only a read does. And silence proves nothing: what is kept counts for `maxStale` from when the last
 * question was asked that has been answered on the link (`heard`). By then the server had told of all that was acknowledged
 * to anybody, and what it wrote before the answer came before it.
 */

/** What an entry costs beside its value and its key: the objects around it, and its place in the map. */
const OVERHEAD = 280;
/** What one more generation costs. */
const PER_GENERATION = 16;
/** Larger ones than this part of all would make everything else leave. */
const LARGEST = 1 / 8;
/** Changes that are remembered for the reads that are under way; those that are older than the oldest keep nothing. */
const CHANGES = 4_096;

/** When something was asked for, and what had been heard by then. */
export interface Mark {
  readonly at: number;
  readonly changes: number;
}

/** What entries depend on besides their own key. */
interface Generation {
  readonly key: string;
  entries: number;
  /** It has changed: what was loaded under it is not valid any more. */
  isPast: boolean;
}

interface Entry<V> {
  readonly key: string;
  readonly value: V;
  readonly bytes: number;
  /** When it was asked for. */
  readonly at: number;
  readonly expiresAt: number;
  readonly generations: readonly Generation[];
  wasHit: boolean;
  /** Towards the newest, towards the oldest. */
  newer: Entry<V> | undefined;
  older: Entry<V> | undefined;
}

/** How it is bounded. */
export interface MemoryOptions {
  /** All of it, keys and bookkeeping included. */
  readonly maxBytes: number;
  /** The longest that a value may be served after it was changed, in milliseconds. */
  readonly maxStale: number;
}

export class Memory<V> {
  readonly #maxBytes: number;
  readonly #maxStale: number;
  readonly #entries = new Map<string, Entry<V>>();
  readonly #generations = new Map<string, Generation>();
  #newest: Entry<V> | undefined;
  #oldest: Entry<V> | undefined;
  #hand: Entry<V> | undefined;
  #bytes = 0;
  #evictions = 0;
  /** The server tells of changes. */
  #tracks = false;
  #heard = Number.NEGATIVE_INFINITY;
  /** Keys that have changed lately, by how many changes there had been with that one. */
  readonly #changes = new Map<string, number>();
  #count = 0;
  /** What was asked for when there had been fewer changes is not kept: it is not known which they were. */
  #floor = 0;

  constructor({ maxBytes, maxStale }: MemoryOptions) {
    this.#maxBytes = maxBytes;
    this.#maxStale = maxStale;
  }

  /** How many entries there are, those included that a generation has made invalid and that have not made room yet. */
  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** How many entries had to make room for others. */
  get evictions(): number {
    return this.#evictions;
  }

  /** What is kept under the key and may be served at this moment. */
  get(key: string, now: number): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const since = entry.at > this.#heard ? entry.at : this.#heard;
    if (now - since >= this.#maxStale) {
      // What nobody vouches for any more can be vouched for again only where changes are told.
      if (!this.#tracks) this.#remove(entry);
      return undefined;
    }
    if (now >= entry.expiresAt || isPast(entry)) {
      this.#remove(entry);
      return undefined;
    }
    entry.wasHit = true;
    return entry.value;
  }

  /** Whether it is time to ask the server anything at all, so that what is kept goes on to count. */
  wantsNews(now: number): boolean {
    return this.#tracks && now - this.#heard >= this.#maxStale / 2;
  }

  /** Something is about to be asked for. */
  begin(now: number): Mark {
    return { at: now, changes: this.#count };
  }

  /**
   * Keeps what was read, unless anything that it depends on may have changed since it was asked for; says whether it is kept.
   *
   * @param bytes of the value
   * @param generations the keys of the generations that the value was read with
   * @param expiresAt in the clock of `get`
   */
  fill(
    mark: Mark,
    key: string,
    value: V,
    bytes: number,
    generations: readonly string[],
    expiresAt: number = Number.POSITIVE_INFINITY,
  ): boolean {
    const before = this.#entries.get(key);
    if (before !== undefined) this.#remove(before);
    if (mark.changes < this.#floor || this.#hasChanged(key, mark)) return false;
    for (const generation of generations) if (this.#hasChanged(generation, mark)) return false;
    const cost = bytes + key.length + OVERHEAD + PER_GENERATION * generations.length;
    if (cost > this.#maxBytes * LARGEST) return false;
    while (this.#bytes + cost > this.#maxBytes) this.#evict();
    const entry: Entry<V> = {
      key,
      value,
      bytes: cost,
      at: mark.at,
      expiresAt,
      generations: generations.map((generation) => this.#join(generation)),
      wasHit: false,
      newer: undefined,
      older: this.#newest,
    };
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
    this.#entries.set(key, entry);
    this.#bytes += cost;
    return true;
  }

  /** An answer has come, on the link that tells of changes, to something that was asked for then. */
  heard(askedAt: number): void {
    if (this.#tracks && askedAt > this.#heard) this.#heard = askedAt;
  }

  /** Keys of entries or generations have changed; all may have when they are not given. */
  invalidated(keys: readonly string[] | undefined): void {
    if (keys === undefined) {
      this.clear();
      return;
    }
    for (const key of keys) this.remove(key);
  }

  /** The key has changed, or is about to. What was asked for before is not kept either. */
  remove(key: string): void {
    this.#count += 1;
    // Moved to the end: the first is the oldest.
    this.#changes.delete(key);
    this.#changes.set(key, this.#count);
    if (this.#changes.size > CHANGES) {
      const [oldest, count] = this.#changes.entries().next().value as [string, number];
      this.#changes.delete(oldest);
      this.#floor = count;
    }
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#remove(entry);
    const generation = this.#generations.get(key);
    if (generation === undefined) return;
    // There may be many of them: they go when they are asked for, or when room is needed.
    generation.isPast = true;
    this.#generations.delete(key);
  }

  /** Another link answers from now on, or it has begun to tell of changes: what is known is not known any more. */
  linked(tracks: boolean): void {
    this.clear();
    this.#tracks = tracks;
  }

  /** Everything may have changed. */
  clear(): void {
    this.#entries.clear();
    this.#generations.clear();
    this.#changes.clear();
    this.#newest = undefined;
    this.#oldest = undefined;
    this.#hand = undefined;
    this.#bytes = 0;
    this.#heard = Number.NEGATIVE_INFINITY;
    this.#count += 1;
    this.#floor = this.#count;
  }

  #hasChanged(key: string, mark: Mark): boolean {
    const count = this.#changes.get(key);
    return count !== undefined && count > mark.changes;
  }

  #join(key: string): Generation {
    let generation = this.#generations.get(key);
    if (generation === undefined) {
      generation = { key, entries: 0, isPast: false };
      this.#generations.set(key, generation);
    }
    generation.entries += 1;
    return generation;
  }

  #evict(): void {
    let entry = (this.#hand ?? this.#oldest) as Entry<V>;
    while (entry.wasHit && !isPast(entry)) {
      entry.wasHit = false;
      entry = (entry.newer ?? this.#oldest) as Entry<V>;
    }
    this.#hand = entry;
    this.#remove(entry);
    this.#evictions += 1;
  }

  #remove(entry: Entry<V>): void {
    const { newer, older } = entry;
    if (this.#hand === entry) this.#hand = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    this.#entries.delete(entry.key);
    this.#bytes -= entry.bytes;
    for (const generation of entry.generations) {
      generation.entries -= 1;
      if (generation.entries === 0 && !generation.isPast) this.#generations.delete(generation.key);
    }
  }
}

/** Whether a generation that it was loaded under has changed. */
function isPast<V>({ generations }: Entry<V>): boolean {
  for (const generation of generations) if (generation.isPast) return true;
  return false;
}
