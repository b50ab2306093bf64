/** A load under way, and who may have what it brings. */
import type { Call } from "./call.js";
import type { Look } from "./lookup.js";

/** What a flight brings. */
export interface Landed {
  readonly value: unknown;
  readonly isAbsent: boolean;
}

const noGenerations: ReadonlyMap<string, number | undefined> = new Map();
const nowhere = Promise.resolve(undefined);

export class Flight {
  /** The call for which it began. */
  readonly call: Call;
  readonly name: string;
  readonly isBackground: boolean;
  /** Its tags are not all known before the value is. */
  readonly isDynamic: boolean;
  /** The lease under which it loads; undefined without one. */
  token: string | undefined;
  /** What stood where the lease is before the load began: its own, or another's that it did not wait for. */
  lease: string | undefined;
  /** Of the namespace, as it was before the load began. */
  generation: number | undefined;
  /** Of the tags, as they were before the load began. */
  generations: ReadonlyMap<string, number | undefined> = noGenerations;
  /** Changes with each invalidation of a tag; as it was before the load began, where tags are not known. */
  sequence: number | undefined;
  /** The last call that came before the load began. */
  #lastBefore = Number.POSITIVE_INFINITY;
  /**
   * It found what another process had stored, and asked for that when there had been so many calls: later ones may have come
   * after an invalidation that it could not see.
   */
  foundFor = Number.POSITIVE_INFINITY;
  /** Something that it may depend on was invalidated: nobody else gets its value, and it is not stored. */
  isDetached = false;
  /** The loader has ended; its value is on its way to Redis. */
  isLoaded = false;
  /** Those of the calls that wait for it; Redis may not have been there to ask for their generations. */
  #tags: Set<string> | undefined;
  /** Tags that were invalidated since it began. It is not known to depend on them, but a call that comes later may. */
  #invalidated: Set<string> | undefined;
  landed: Promise<Landed | undefined> = nowhere;

  constructor(call: Call, isBackground: boolean) {
    this.call = call;
    this.name = call.name;
    this.isBackground = isBackground;
    this.isDynamic = call.settings.tagsOf !== undefined;
    this.join(call);
  }

  /** From here on it is waited for by that call, too. */
  join({ settings }: Call): void {
    if (settings.tags.length === 0) return;
    this.#tags ??= new Set();
    for (const tag of settings.tags) this.#tags.add(tag);
  }

  /** From here on what it reads may be too old for who comes later. */
  beginLoad(calls: number): void {
    this.#lastBefore = calls;
  }

  get isLoading(): boolean {
    return this.#lastBefore !== Number.POSITIVE_INFINITY;
  }

  /**
   * Whether a call may have its value: the call came before the load began, or nothing has been invalidated since, which the
   * lease and the generations show. Without Redis that cannot be known, and a load that is under way is shared.
   */
  accepts(call: Call, look: Look | undefined): boolean {
    if (this.isDetached) return false;
    // It may find that another process loads, and leave it at that.
    if (this.isBackground && !this.isLoading) return false;
    if (call.order <= this.#lastBefore) return true;
    const { tags, tagsOf } = call.settings;
    const invalidated = this.#invalidated;
    if (invalidated !== undefined && (tagsOf !== undefined || tags.some((tag) => invalidated.has(tag)))) return false;
    // What has been loaded is not shared for as long as Redis is silent: that could be long after an invalidation.
    if (look === undefined) return !this.isLoaded;
    if (this.lease === undefined || look.lease !== this.lease) return false;
    // What was not there before the load may have come and gone since: that it is not there again shows nothing.
    if (this.generation === undefined || look.generation !== this.generation) return false;
    // Which tags the value will have is not known: none at all may have been invalidated.
    if (this.isDynamic && (this.sequence === undefined || look.sequence !== this.sequence)) return false;
    for (const tag of this.call.settings.tags) if (this.generations.get(tag) === undefined) return false;
    for (const [tag, generation] of this.generations) if (look.generations.get(tag) !== generation) return false;
    return true;
  }

  /** Whether it must be given up with a tag; if not, it keeps in mind that the tag was. */
  dependsOn(tag: string): boolean {
    if (this.isDynamic || this.#tags?.has(tag) || this.generations.has(tag)) return true;
    this.#invalidated ??= new Set();
    this.#invalidated.add(tag);
    return false;
  }
}
