/** Stores values that were not loaded: what the caller says holds, whatever is loaded at the moment. */

import { UsageError } from "../core/errors.js";
import { encode } from "./codec.js";
import {
  CONTENT,
  type Content,
  HEADER,
  type Held,
  isLargerThan,
  ownContent,
  seal,
  signOf,
  type Tagged,
} from "./envelope.js";
import { nothingThere, ReadFailure } from "./failure.js";
import type { Gate } from "./gate.js";
import type { Invalidations, Order } from "./invalidations.js";
import { ANY_TAG, type CacheKey, encodeKey } from "./keys.js";
import { LEASE } from "./lease.js";
import { Markers } from "./markers.js";
import { type CallSettings, encodeTags, type Settings, timeToLive } from "./options.js";
import { STORE } from "./scripts.js";
import type { Sender } from "./sender.js";
import type { Space } from "./space.js";
import { absent, type CacheStats, type Invalidation } from "./types.js";
import { unique } from "./unique.js";

const BUDGET = 1_000;

const notPairs = (): UsageError =>
  new UsageError('setMany takes an array, a Map or another iterable of pairs, as in [["key", value]]');

/** A value on its way. */
export interface Item {
  readonly order: Order;
  readonly life: number;
  readonly isAbsent: boolean;
  readonly tags: readonly string[];
  /** Undefined: not to be stored. */
  readonly content: Content | undefined;
  /** What it is stored under: see `#begin`. */
  readonly token: string;
}

export class Writer {
  readonly #sender: Sender;
  readonly #space: Space;
  readonly #gate: Gate;
  readonly #settings: Settings;
  readonly #counts: CacheStats;
  readonly #invalidations: Invalidations;
  readonly #markers: Markers;

  constructor(
    sender: Sender,
    space: Space,
    gate: Gate,
    settings: Settings,
    counts: CacheStats,
    invalidations: Invalidations,
  ) {
    this.#sender = sender;
    this.#space = space;
    this.#gate = gate;
    this.#settings = settings;
    this.#counts = counts;
    this.#invalidations = invalidations;
    this.#markers = new Markers(sender, space);
  }

  /** Throws `UsageError` for the first that cannot be stored, before any is. */
  prepare(entries: Iterable<readonly [CacheKey, unknown]>, call: CallSettings): Item[] {
    if (typeof (entries as Partial<typeof entries> | undefined)?.[Symbol.iterator] !== "function") throw notPairs();
    return Array.from(entries, (pair) => {
      if (!Array.isArray(pair)) throw notPairs();
      const [key, value] = pair as readonly [CacheKey, unknown];
      const order: Order = { operation: { kind: "key", name: encodeKey(key) }, given: key };
      const isAbsent = value === absent;
      const { ttl, tagsOf } = call;
      const life = isAbsent ? call.negativeTtl : typeof ttl === "number" ? ttl : timeToLive(ttl(value as never));
      // Of nothing a function gives no tags: with which of them it must be given up is not known.
      const tags = tagsOf === undefined ? call.tags : isAbsent ? [ANY_TAG] : encodeTags(tagsOf(value as never));
      const made: Content = isAbsent ? { kind: CONTENT.Absent, data: "" } : encode(value, this.#settings.codec);
      const isTooLarge = isLargerThan(made, this.#settings.maxValueBytes);
      if (isTooLarge) this.#counts.oversized += 1;
      return {
        order,
        life,
        isAbsent,
        tags,
        content: isTooLarge || life === 0 ? undefined : ownContent(made),
        token: unique(),
      };
    });
  }

  async write(items: readonly Item[], call: CallSettings, required: boolean): Promise<Invalidation> {
    const orders = items.map(({ order }) => order);
    const attempted = await this.#invalidations.attempt(() => this.#begin(items, call));
    const sent = items.map((item) => {
      if (attempted.outcome !== "applied") {
        // The value has not been sent: what was there before is given up as soon as that can be.
        return Promise.resolve({ ...attempted, outcome: "journaled" as const });
      }
      return this.#invalidations.attempt(() => this.#store(item, call), item.order.operation);
    });
    return this.#invalidations.outcome(orders, sent, required);
  }

  readonly #read = new Map<string, number>();
  /** How each entry began when its lease was taken. */
  readonly #heads = new Map<Item, Uint8Array>();

  /**
   * Reads the generations on which the entries will depend, and takes their leases: what is being loaded is older than what
   * is given, and a value that a network has held up must not be stored once the key was invalidated.
   */
  async #begin(items: readonly Item[], call: CallSettings): Promise<void> {
    const { names } = this.#space;
    const { inside } = this.#sender;
    const { scope } = inside;
    if (scope === undefined) throw new ReadFailure("fence");
    const view = this.#sender.within(BUDGET);
    const tags = [...new Set(items.flatMap((item) => (item.content === undefined ? [] : item.tags)))];
    const keys = [names.generation, ...tags.map((tag) => names.tag(tag))];
    // Before the generations are read: one that is about to be given up would make a miss of what is stored.
    this.#gate.open(this.#space.zone(scope), scope, this.#sender.nextEpoch);
    const stored = items.filter(({ content }) => content !== undefined);
    const leased = stored.flatMap((item) => {
      const { name } = item.order.operation;
      const looked = view.send(["GETRANGE", names.entry(name), "0", `${HEADER - 1}`]).catch(nothingThere);
      const head = looked.then((held) => this.#heads.set(item, bytesOf(signOf(held as Held | null))));
      return [view.call("SET", names.lease(name), item.token, "PX", LEASE), head];
    });
    const life = Math.max(0, ...stored.map((item) => item.life + (item.isAbsent ? 0 : Math.max(call.swr, call.grace))));
    const asked = keys.map((key) => this.#markers.ensure(view, key, life));
    const [generations] = await Promise.all([Promise.all(asked), ...leased]);
    for (const [i, key] of keys.entries()) this.#read.set(key, generations[i] ?? 0);
  }

  async #store(item: Item, call: CallSettings): Promise<void> {
    const { order, life, isAbsent, tags, content, token } = item;
    const { names } = this.#space;
    const { name } = order.operation;
    const view = this.#sender.within(BUDGET);
    if (content === undefined) {
      await view.call("DEL", names.entry(name), names.lease(name));
      return;
    }
    const fresh = life * (1 - this.#settings.jitter * Math.random());
    const [stale, old] = isAbsent ? [0, 0] : [call.swr, Math.max(call.swr, call.grace)];
    const generation = (key: string): number => this.#read.get(key) ?? 0;
    const tagged = tags.map((tag): Tagged => ({ tag, generation: generation(names.tag(tag)) }));
    const freshUntil = this.#sender.inside.wallClock() + fresh;
    const entry = seal(content, generation(names.generation), freshUntil, stale, tagged);
    const args = [token, entry, Math.max(1, Math.ceil(fresh + old)), this.#heads.get(item) ?? ""];
    const reply = await this.#sender.run(view, STORE, [names.entry(name), names.lease(name)], args);
    if (Number(reply) !== 1) this.#counts.fillsRefused += 1;
  }
}

const bytesOf = (sign: string): Uint8Array => Uint8Array.from(sign, (character) => character.charCodeAt(0));
