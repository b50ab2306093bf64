/** L1: what was read lately, in memory. What is in it, and when it may be served, is said in memory.ts. */
import type { Inside } from "../client/inside.js";
import type { Target } from "../loop/target.js";
import type { Watcher } from "../loop/watchers.js";
import { copy } from "./copy.js";
import { Footprints } from "./footprint.js";
import type { Names } from "./keys.js";
import { type Mark, Memory, type MemoryOptions } from "./memory.js";
import { News } from "./news.js";
import type { Sender } from "./sender.js";

/** A value in memory. Nobody else has it: callers get copies. */
interface Kept {
  readonly value: unknown;
  readonly isAbsent: boolean;
  /** It cannot be changed, and need not be copied. */
  readonly isFixed: boolean;
}

export class L1 implements Watcher {
  readonly #memory: Memory<Kept>;
  readonly #names: Names;
  /** Whose news it hears; undefined where it hears none. */
  readonly #target: Target | undefined;
  /** Held by those who listen. */
  readonly #news: News | undefined;
  readonly #footprints = new Footprints();
  /** The link on which the server tells of the namespace's changes. */
  #toldOn: number | undefined;
  #asking = false;

  constructor(options: MemoryOptions, inside: Inside, names: Names) {
    this.#memory = new Memory(options);
    this.#names = names;
    this.#target = inside.isScoped ? undefined : inside.target;
    if (this.#target === undefined) return;
    this.#news = News.of(this.#target, names, this);
    this.linked(this.#target);
    inside.track(names.tracked);
  }

  /** Whether it hears what concerns this target, or none can. */
  hears(inside: Inside): boolean {
    return (this.#news === undefined && inside.isScoped) || this.#target === inside.target;
  }

  linked({ epoch, tracks, prefixes }: Target): void {
    const isTold = tracks && prefixes.includes(this.#names.tracked);
    // It is another namespace of which it is told from now on, too.
    if (isTold && this.#toldOn === epoch) return;
    this.#toldOn = isTold ? epoch : undefined;
    this.#memory.linked(isTold);
  }

  invalidated(keys: readonly string[] | undefined): void {
    this.#memory.invalidated(keys);
  }

  moved(): void {}

  get size(): number {
    return this.#memory.size;
  }

  get bytes(): number {
    return this.#memory.bytes;
  }

  get evictions(): number {
    return this.#memory.evictions;
  }

  /** What is kept of an entry, as the caller's own; undefined when nothing is. */
  get(
    name: string,
    sender: Sender,
    inside: Inside,
  ): { readonly value: unknown; readonly isAbsent: boolean } | undefined {
    const now = inside.now();
    const kept = this.#memory.get(this.#names.entry(name), now);
    if (this.#memory.wantsNews(now)) this.#ask(now, sender, inside);
    if (kept === undefined || kept.isFixed) return kept;
    return { value: copy(kept.value), isAbsent: false };
  }

  /** A PING goes the way of the news: once it is answered, all that was acknowledged before it has been told. */
  #ask(now: number, sender: Sender, inside: Inside): void {
    if (this.#asking || inside.state !== "ready") return;
    this.#asking = true;
    const { epoch } = inside;
    sender.answers(1_000).then((answers) => {
      this.#asking = false;
      if (answers && inside.epoch === epoch) this.#memory.heard(now);
    });
  }

  begin(now: number): Mark {
    return this.#memory.begin(now);
  }

  /** A read that was asked for then was answered, on the link that it was asked on. */
  heard(askedAt: number): void {
    this.#memory.heard(askedAt);
  }

  /** Keeps what was read. `life` is in milliseconds. */
  fill(
    mark: Mark,
    name: string,
    value: unknown,
    isAbsent: boolean,
    tags: readonly string[],
    life: number,
    isForeign: boolean,
  ) {
    const isFixed = typeof value !== "object" || value === null;
    const own = isFixed ? value : copy(value, isForeign);
    // What only a codec knows how to make is read each time.
    if (own === undefined && !isFixed) return;
    const generations = [this.#names.generation, ...tags.map((tag) => this.#names.tag(tag))];
    this.#memory.fill(
      mark,
      this.#names.entry(name),
      { value: own, isAbsent, isFixed },
      this.#footprints.of(own),
      generations,
      mark.at + life,
    );
  }

  /** A key of Redis is changed by us. */
  remove(key: string): void {
    this.#memory.remove(key);
  }
}
