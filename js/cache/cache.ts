/** The cache as its users see it; what its members promise is said in types.ts. */
import type { Inside } from "../client/inside.js";
import { UsageError } from "../core/errors.js";
import { BUDGET, Call } from "./call.js";
import { isAnswer, isPromise, reasonOf } from "./failure.js";
import type { Landed } from "./flight.js";
import { Flights } from "./flights.js";
import { Gate } from "./gate.js";
import { BackedOff } from "./hopes.js";
import { Invalidations, type Order } from "./invalidations.js";
import { type CacheKey, encodeKey, encodeTag } from "./keys.js";
import { L1 } from "./l1.js";
import { Loads } from "./loads.js";
import { type Look, Lookup } from "./lookup.js";
import { type CallSettings, callSettings, defaultsOf, type Settings, settingsOf } from "./options.js";
import { Reader } from "./reader.js";
import type { Party } from "./replays.js";
import { passed } from "./schema.js";
import { Sender } from "./sender.js";
import { type Space, spaceOf } from "./space.js";
import {
  type Absent,
  absent,
  type Cache,
  type CacheOptions,
  type CacheStats,
  type Fallback,
  type FallbackReason,
  type GetOptions,
  type GetOrSetOptions,
  type InvalidateOptions,
  type Invalidation,
  type LoadContext,
  type Loaded,
  type Loader,
  type SetOptions,
  type WrapOptions,
} from "./types.js";
import { Writer } from "./writer.js";

/** For loaders where there is no request; not even a signal may be made there before somebody wants it. */
const outside: LoadContext = {
  get signal() {
    return new AbortController().signal;
  },
  skip: (value) => value,
};

/** What was found in memory. */
interface Near {
  readonly value: unknown;
  readonly isAbsent: boolean;
}

const valueIn = ({ value }: Landed): unknown => value;

/** What hangs on the target that the client has, which it has not before its first use. */
interface Works {
  readonly identity: string | undefined;
  readonly space: Space;
  readonly gate: Gate;
  readonly party: Party;
  readonly lookup: Lookup;
  readonly flights: Flights;
}

export class RedisCache implements Cache {
  readonly #settings: Settings;
  readonly #defaults: CallSettings;
  readonly #sender: Sender;
  readonly #loads: Loads;
  readonly #invalidations: Invalidations;
  readonly #counts = newCounts();
  readonly #listeners = new Set<(fallback: Fallback) => void>();
  #works: Works | undefined;

  constructor(options: CacheOptions) {
    this.#settings = settingsOf(options);
    this.#defaults = defaultsOf(this.#settings);
    this.#sender = new Sender(options.client);
    this.#loads = new Loads(this.#settings.maxLoads, this.#settings.loadTimeout);
    this.#invalidations = new Invalidations(
      this.#sender,
      () => this.#ready.space,
      () => this.#ready.gate,
      this.#settings,
      this.#counts,
    );
  }

  get #ready(): Works {
    return this.#readyFor(this.#sender.inside);
  }

  #readyFor(inside: Inside): Works {
    const known = this.#works;
    // A client that was closed keeps what its caches had; one that gets its target gets the target's.
    if (known !== undefined && (known.identity === inside.identity || inside.identity === undefined)) return known;
    const space = spaceOf(inside, this.#settings.namespace, this.#settings.prefix);
    const { l1 } = this.#settings;
    if (l1 !== undefined && space.l1?.hears(inside) !== true) space.l1 = new L1(l1, inside, space.names);
    const counts = this.#counts;
    const sender = this.#sender;
    const { trust, maxJournal } = this.#settings;
    const gate = new Gate(sender, space, trust, maxJournal, counts);
    const party = { sender, gate };
    space.replays.join(party);
    const lookup = new Lookup(new Reader(sender, space, gate), space, this.#settings, counts);
    const fallback = (error: unknown, operation: Fallback["operation"]) => this.#fallback(error, operation);
    const parts = { sender, space, settings: this.#settings, lookup, loads: this.#loads, counts, fallback };
    this.#works = { identity: inside.identity, space, gate, party, lookup, flights: new Flights(parts) };
    return this.#works;
  }

  // ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

  async getOrSet<T>(
    key: CacheKey,
    loader: Loader<T>,
    options?: GetOrSetOptions<Exclude<T, Absent>>,
  ): Promise<Loaded<T>> {
    const name = encodeKey(key);
    if (typeof loader !== "function") throw new UsageError("getOrSet: the second argument must be a function");
    const settings = callSettings(options, this.#settings, this.#defaults);
    const { inside } = this.#sender;
    const { scope } = inside;
    const works = this.#readyFor(inside);
    if (scope === undefined) {
      // Code outside of any request has nothing to share, and no timers either.
      this.#fallback(undefined, "read", "disabled");
      const value: unknown = await loader(outside);
      return (value === absent ? undefined : value) as Loaded<T>;
    }
    const kept = this.#kept(works, name, inside);
    if (kept !== undefined) {
      const near = settings.schema === undefined ? kept : await this.#checked(kept, settings.schema);
      if (near !== undefined) return this.#nearHit(near) as Loaded<T>;
    }
    const call = new Call(name, settings, inside, works.space, scope);
    if (this.#isAway(works.space, inside)) {
      try {
        return await this.#load(works, call, loader, undefined);
      } finally {
        await works.space.turns.next(inside);
      }
    }
    let look: Look | undefined;
    // Without a function between: this is the way of every hit.
    try {
      const batch = works.lookup.ask(call);
      await batch.done;
      const answer = works.lookup.answer(call, batch);
      look = answer instanceof Promise ? await answer : answer;
      if (look.state === "fresh") return this.#hit(look) as Loaded<T>;
      call.spend(batch.endedAt);
    } catch (error) {
      call.spend();
      this.#fallback(error, "read");
    }
    return await this.#load(works, call, loader, look);
  }

  /** What is found is stale, or not found at all. */
  #load<T>(works: Works, call: Call, loader: Loader<T>, look: Look | undefined): Loaded<T> | Promise<Loaded<T>> {
    if (look?.state === "stale") {
      this.#counts.stale += 1;
      works.flights.refresh(call, loader, look);
      return look.value as Loaded<T>;
    }
    if (look !== undefined) this.#counts.misses += 1;
    const served = works.flights.serve(call, loader, look);
    if (look?.state !== "old") return served.then(valueIn) as Promise<Loaded<T>>;
    return served.then(valueIn, (error) => this.#grace(works, call, loader, look, error)) as Promise<Loaded<T>>;
  }

  /** The loader failed, and there is something that was not valid any more. */
  async #grace(works: Works, call: Call, loader: Loader<unknown>, look: Look, error: unknown): Promise<unknown> {
    const kept = await this.#stillOld(works, call, look);
    if (kept === undefined || call.inside.wallClock() >= kept.freshUntil + call.settings.grace) {
      if (error instanceof BackedOff) return valueIn(await works.flights.serve(call, loader, undefined));
      throw error;
    }
    this.#counts.graced += 1;
    return kept.value;
  }

  /** What was found before a load that failed, unless it was given up meanwhile. */
  async #stillOld(works: Works, call: Call, look: Look): Promise<Look | undefined> {
    const isAway = call.left < 1 || this.#isAway(works.space, call.inside);
    const now = isAway ? undefined : await this.#look(works, call);
    if (now !== undefined) return now.state === "miss" ? undefined : now;
    // Redis cannot be asked whether others gave it up; but what this process did is known.
    return works.space.orders === call.orders ? look : undefined;
  }

  /** What is in memory. */
  #kept({ space }: Works, name: string, inside: Inside): Near | undefined {
    return this.#settings.l1 && space.l1?.get(name, this.#sender, inside);
  }

  async #checked(kept: Near, schema: NonNullable<CallSettings["schema"]>): Promise<Near | undefined> {
    if (kept.isAbsent) return kept;
    const result = await passed(schema, kept.value, this.#sender.inside, this.#settings.loadTimeout);
    if (result === undefined) this.#counts.invalid += 1;
    return result && { value: result.value, isAbsent: false };
  }

  #nearHit({ value, isAbsent }: Near): unknown {
    this.#counts.l1Hits += 1;
    if (isAbsent) this.#counts.negativeHits += 1;
    else this.#counts.hits += 1;
    return value;
  }

  #hit(look: Look): unknown {
    if (look.isAbsent) this.#counts.negativeHits += 1;
    else this.#counts.hits += 1;
    return look.value;
  }

  /** What Redis has; undefined when it cannot be asked. */
  async #look(works: Works, call: Call): Promise<Look | undefined> {
    try {
      return await works.lookup.look(call);
    } catch (error) {
      this.#fallback(error, "read");
      return undefined;
    }
  }

  /** Whether to go without Redis, before anything is asked of it. */
  #isAway(space: Space, inside: Inside): boolean {
    const sender = this.#sender;
    // Asking the sender has a link made.
    if (inside.state !== "ready" && !sender.isReady && (inside.state === "disabled" || inside.state === "closed")) {
      this.#fallback(undefined, "read", "disabled");
      return true;
    }
    const { breaker } = space;
    if (!breaker.isOpen) return false;
    breaker.look(inside.now(), () => sender.answers(this.#settings.timeout ?? BUDGET));
    this.#fallback(undefined, "read", "doubted");
    return true;
  }

  wrap<A extends readonly unknown[], T>(
    run: (...args: A) => T | Promise<T>,
    options: WrapOptions<A, T>,
  ): (...args: A) => Promise<Loaded<T>> {
    if (typeof run !== "function") throw new UsageError("wrap: the first argument must be a function");
    const { key, ...rest } = Object(options) as WrapOptions<A, T>;
    if (typeof key !== "function" && typeof key !== "string") {
      throw new UsageError("wrap: key must be a text, or a function of the arguments");
    }
    const keyOf = typeof key === "function" ? key : (...args: A) => [key, ...args] as CacheKey;
    // What is wrong with the options is better said now than at the first call.
    callSettings(rest, this.#settings, this.#defaults);
    return async (...args) => this.getOrSet(keyOf(...args), () => run(...args), rest as never);
  }

  async get<T = unknown>(key: CacheKey, options?: GetOptions<T>): Promise<T | undefined> {
    const [value] = await this.getMany<T>([key], options);
    return value;
  }

  async getMany<T = unknown>(keys: readonly CacheKey[], options?: GetOptions<T>): Promise<(T | undefined)[]> {
    if (!Array.isArray(keys)) throw new UsageError("getMany takes an array of keys");
    const names = keys.map(encodeKey);
    const settings = callSettings(options, this.#settings, this.#defaults);
    const { inside } = this.#sender;
    const { scope } = inside;
    const works = this.#ready;
    if (scope === undefined) return names.map(() => undefined);
    let isAway: boolean | undefined;
    const { turns } = works.space;
    return await Promise.all(
      names.map(async (name) => {
        const kept = this.#kept(works, name, inside);
        if (kept !== undefined) {
          const near = settings.schema === undefined ? kept : await this.#checked(kept, settings.schema);
          if (near !== undefined) return this.#nearHit(near) as T;
        }
        isAway ??= this.#isAway(works.space, inside);
        if (isAway) {
          await turns.next(inside);
          return undefined;
        }
        const look = await this.#look(works, new Call(name, settings, inside, works.space, scope));
        if (look === undefined) return undefined;
        if (look.state === "fresh") return this.#hit(look) as T;
        if (look.state !== "stale") {
          this.#counts.misses += 1;
          return undefined;
        }
        this.#counts.stale += 1;
        return look.value as T;
      }),
    );
  }

  // ── Writing ─────────────────────────────────────────────────────────────────────────────────────────────────────

  set<T>(key: CacheKey, value: T, options?: SetOptions<T> & InvalidateOptions): Promise<Invalidation> {
    return this.setMany([[key, value]], options);
  }

  async setMany<T>(
    entries: Iterable<readonly [CacheKey, T]>,
    options?: SetOptions<T> & InvalidateOptions,
  ): Promise<Invalidation> {
    const { space, gate } = this.#ready;
    const call = callSettings(options, this.#settings, this.#defaults);
    const writer = new Writer(this.#sender, space, gate, this.#settings, this.#counts, this.#invalidations);
    const items = writer.prepare(entries, call);
    const orders = items.map(({ order }) => order);
    return await this.#giveUp(orders, () => writer.write(items, call, options?.require === "applied"));
  }

  async delete(keys: CacheKey | readonly CacheKey[], options?: InvalidateOptions): Promise<Invalidation> {
    const orders = keysOf(keys).map((key): Order => ({ operation: { kind: "key", name: encodeKey(key) }, given: key }));
    return await this.#invalidate(orders, options);
  }

  async deleteByTag(tags: string | readonly string[], options?: InvalidateOptions): Promise<Invalidation> {
    const list = typeof tags === "string" ? [tags] : tags;
    if (!Array.isArray(list)) throw new UsageError("deleteByTag takes a tag or an array of tags");
    const orders = list.map((tag): Order => ({ operation: { kind: "tag", name: encodeTag(tag) }, given: tag }));
    return await this.#invalidate(orders, options);
  }

  async clear(options?: InvalidateOptions): Promise<Invalidation> {
    return await this.#invalidate([{ operation: { kind: "clear", name: "" }, given: undefined }], options);
  }

  async #invalidate(orders: readonly Order[], options: InvalidateOptions | undefined): Promise<Invalidation> {
    callSettings(options, this.#settings, this.#defaults);
    return await this.#giveUp(orders, () => this.#invalidations.apply(orders, options?.require === "applied"));
  }

  async #giveUp(orders: readonly Order[], act: () => Promise<Invalidation>): Promise<Invalidation> {
    this.#ready.space.orders += 1;
    for (const order of orders) {
      this.#forgetNear(order);
      this.#forgetLoads(order);
      if (order.operation.kind === "key") this.#ready.space.hopes.regain(order.operation.name);
    }
    try {
      return await act();
    } finally {
      // What was read meanwhile may have been read before it came through, and on a link that overtook it.
      for (const order of orders) this.#forgetNear(order);
    }
  }

  /** What is in memory is too old for who comes from now on. */
  #forgetNear({ operation }: Order): void {
    const { names, l1 } = this.#ready.space;
    l1?.remove(names.of(operation));
    if (operation.kind === "tag") l1?.remove(names.sequence);
  }

  /** And so is what is loaded at the moment. */
  #forgetLoads({ operation: { kind, name } }: Order): void {
    const { scope } = this.#sender.inside;
    if (scope === undefined) return;
    const { space, flights } = this.#ready;
    const zone = space.zone(scope);
    for (const flight of kind === "key" ? [zone.flights.get(name)] : [...zone.flights.values()]) {
      if (flight !== undefined && (kind !== "tag" || flight.dependsOn(name))) flights.detach(zone, flight);
    }
  }

  // ── What happens ────────────────────────────────────────────────────────────────────────────────────────────────

  stats(): CacheStats {
    const { fallbacks, invalidations } = this.#counts;
    const journal = this.#works?.space.journal.size ?? 0;
    const { size: l1Entries = 0, bytes: l1Bytes = 0, evictions: l1Evictions = 0 } = this.#works?.space.l1 ?? {};
    return {
      ...this.#counts,
      fallbacks: { ...fallbacks },
      invalidations: { ...invalidations },
      journal,
      l1Entries,
      l1Bytes,
      l1Evictions,
    };
  }

  on(event: "fallback", listener: (fallback: Fallback) => void): this {
    if (event === "fallback") this.#listeners.add(listener);
    return this;
  }

  off(event: "fallback", listener: (fallback: Fallback) => void): this {
    if (event === "fallback") this.#listeners.delete(listener);
    return this;
  }

  /** The server's answer to what reads, or what stands before that, was an error. */
  #refused({ notices }: Space, error: unknown): void {
    for (const one of [error, Object(error).cause as unknown]) {
      if (isAnswer(one)) notices.refused(this.#sender.inside, this.#settings.namespace, "reads", one);
    }
  }

  #fallback(error: unknown, operation: Fallback["operation"], given?: FallbackReason): void {
    const reason = given ?? reasonOf(error);
    this.#counts.fallbacks[reason] += 1;
    const { space } = this.#ready;
    if (reason === "disabled" || reason === "timeout" || reason === "lost") space.sawOutage = true;
    if (reason === "timeout") space.breaker.trip(this.#sender.inside.now());
    if (operation === "read") this.#refused(space, error);
    for (const listener of this.#listeners) {
      try {
        // Nobody awaits what an async one gives.
        isPromise(listener({ reason, operation, error }));
      } catch {
        // A listener that throws must not make a read fail.
      }
    }
  }
}

/** An array of texts may be keys, or the parts of one. */
function keysOf(keys: CacheKey | readonly CacheKey[]): CacheKey[] {
  if (typeof keys === "string") return [keys];
  if (!Array.isArray(keys)) throw new UsageError("delete takes a key or an array of keys");
  const list = keys as readonly unknown[];
  if (list.length > 0 && list.every((item) => typeof item === "string")) return [...list, list] as CacheKey[];
  return list.every((item) => typeof item === "string" || Array.isArray(item))
    ? ([...list] as CacheKey[])
    : [keys as CacheKey];
}

function newCounts(): CacheStats {
  return {
    hits: 0,
    l1Hits: 0,
    negativeHits: 0,
    stale: 0,
    graced: 0,
    misses: 0,
    loads: 0,
    loadErrors: 0,
    joins: 0,
    leaseWaits: 0,
    fills: 0,
    fillsRefused: 0,
    oversized: 0,
    unserialisable: 0,
    corrupt: 0,
    foreign: 0,
    future: 0,
    invalid: 0,
    fallbacks: { disabled: 0, doubted: 0, timeout: 0, lost: 0, fence: 0, journal: 0, error: 0 },
    invalidations: { applied: 0, journaled: 0, unknown: 0, dropped: 0 },
    journal: 0,
    replayed: 0,
    fenced: 0,
    l1Entries: 0,
    l1Bytes: 0,
    l1Evictions: 0,
  };
}
