/** What the cache knows of a key: reads the entry with all that it depends on, and judges it. */
import type { Inside } from "../client/inside.js";
import type { Call } from "./call.js";
import { decode } from "./codec.js";
import { CONTENT, type Entry, generationOf, type Held, type Unreadable } from "./envelope.js";
import { ReadFailure } from "./failure.js";
import type { Mark } from "./memory.js";
import type { Settings } from "./options.js";
import type { Batch, Reader } from "./reader.js";
import { passed } from "./schema.js";
import type { Space } from "./space.js";
import type { CacheStats } from "./types.js";

export interface Look {
  /** `old`: beyond its life, kept for when the loader fails. */
  readonly state: "fresh" | "stale" | "old" | "miss";
  readonly value: unknown;
  readonly isAbsent: boolean;
  /** When it ceased to be fresh, in milliseconds since the epoch. */
  readonly freshUntil: number;
  /** What is there, valid or not. */
  readonly held: Held | null;
  /** Of the namespace. */
  readonly generation: number | undefined;
  /** Of the tags that were asked for; undefined where there is none. */
  readonly generations: ReadonlyMap<string, number | undefined>;
  /** The lease, where it was asked for… */
  readonly lease: string | undefined;
  /** …and what changes with each invalidation of a tag. */
  readonly sequence: number | undefined;
}

const noGenerations: ReadonlyMap<string, number | undefined> = new Map();

export class Lookup {
  readonly #reader: Reader;
  readonly #space: Space;
  readonly #settings: Settings;
  readonly #counts: CacheStats;

  constructor(reader: Reader, space: Space, settings: Settings, counts: CacheStats) {
    this.#reader = reader;
    this.#space = space;
    this.#settings = settings;
    this.#counts = counts;
  }

  /** Rejects when Redis cannot be asked, or does not answer within what is left to the call. */
  async look(call: Call): Promise<Look> {
    const batch = this.ask(call);
    await this.#done(call, batch);
    const answer = this.answer(call, batch);
    const look = answer instanceof Promise ? await answer : answer;
    if (look.state !== "fresh") call.spend(batch.endedAt);
    return look;
  }

  /** Waits for it, at the expense of the call where it fails. */
  async #done(call: Call, batch: Batch): Promise<void> {
    try {
      await batch.done;
    } catch (error) {
      call.spend();
      throw error;
    }
  }

  /** Asks, along with the other calls of the tick; once that is done, `answer` says what came of it. */
  ask(call: Call): Batch {
    const { zone, scope, settings, name } = call;
    const { names } = this.#space;
    const batch = this.#reader.batch(zone, scope, call.left, call.inside);
    call.begin(batch.begunAt);
    call.place = batch.want(name);
    for (const tag of settings.tags) batch.wantAlso(names.tag(tag));
    const hint = this.#space.hint(name);
    call.hint = hint;
    if (hint !== undefined) for (const tag of hint) batch.wantAlso(names.tag(tag));
    const flight = zone.flights.get(name);
    if (flight !== undefined) {
      batch.wantAlso(names.lease(name));
      if (flight.isDynamic) batch.wantAlso(names.sequence);
      for (const tag of flight.generations.keys()) batch.wantAlso(names.tag(tag));
    }
    return batch;
  }

  answer(call: Call, batch: Batch): Look | Promise<Look> {
    const held = batch.entry(call.place);
    if (held === null) return this.#judge(call, batch, undefined, held, undefined);
    if (typeof held === "string" || held.problem !== undefined) {
      this.#counts[typeof held === "string" ? "foreign" : (held.problem as Unreadable)] += 1;
      return this.#judge(call, batch, undefined, held, undefined);
    }
    // Not what is known by now: another call may have learnt it since, and this one has not asked for it.
    if (!isSame(call.hint, held.tags)) return this.#learn(call, batch, held);
    return this.#judge(call, batch, undefined, held, held);
  }

  /** Its tags are not those that were known; the next time they are. */
  async #learn(call: Call, batch: Batch, entry: Entry): Promise<Look> {
    // To the same moment for all calls of the batch: they have as much left, and so share the next question, too.
    call.spend(batch.endedAt);
    const more = await this.#missingTags(call, batch, entry);
    this.#space.remember(
      call.name,
      entry.tags.map(({ tag }) => tag),
    );
    return this.#judge(call, batch, more, entry, entry);
  }

  /** Asks for the generations of tags that nobody knew of before the entry was there. */
  async #missingTags(call: Call, batch: Batch, { tags }: Entry): Promise<Batch | undefined> {
    const { names } = this.#space;
    const missing = tags.filter(({ tag }) => batch.also(names.tag(tag)) === undefined);
    if (missing.length === 0) return undefined;
    const more = this.#reader.batch(call.zone, call.scope, call.left, call.inside);
    call.begin(more.begunAt);
    for (const { tag } of missing) more.wantAlso(names.tag(tag));
    await this.#done(call, more);
    call.spend(more.endedAt);
    return more;
  }

  #judge(
    call: Call,
    batch: Batch,
    more: Batch | undefined,
    held: Held | null,
    entry: Entry | undefined,
  ): Look | Promise<Look> {
    if (entry !== undefined) this.#unblocked(call, batch, more, entry);
    // What was asked for later may be of a server that has come back with old tags; the fence in between shows here.
    const { generation } = more ?? batch;
    const flight = call.zone.flights.get(call.name);
    const look = {
      state: "miss" as Look["state"],
      value: undefined as unknown,
      isAbsent: false,
      freshUntil: 0,
      held,
      generation,
      generations: this.#generations(call, batch, more, entry),
      lease: flight && text(batch.also(this.#space.names.lease(call.name))),
      sequence: flight && generationOf(batch.also(this.#space.names.sequence)),
    };
    if (entry === undefined || entry.generation !== generation || generation !== batch.generation) return look;
    for (const { tag, generation } of entry.tags) if (look.generations.get(tag) !== generation) return look;
    const now = batch.answeredAt;
    look.freshUntil = entry.freshUntil;
    look.isAbsent = entry.kind === CONTENT.Absent;
    const state = now < entry.freshUntil ? "fresh" : now < entry.staleUntil ? "stale" : "old";
    if (!look.isAbsent) {
      try {
        look.value = decode(entry.kind, entry.content, this.#settings.codec);
      } catch {
        this.#counts.corrupt += 1;
        return look;
      }
    }
    if (state === "fresh" && batch.mark !== undefined) this.#keep(call, batch.mark, look, entry, now);
    if (!look.isAbsent) {
      const { schema } = call.settings;
      if (schema !== undefined) return this.#validated(look, state, schema, call.inside);
    }
    look.state = state;
    return look;
  }

  /** Throws where an invalidation by this process may not have come before the question. */
  #unblocked(call: Call, batch: Batch, more: Batch | undefined, { tags }: Entry): void {
    if (!batch.isBlocked && more?.isBlocked !== true) return;
    const { names } = this.#space;
    const keys = [names.generation, names.entry(call.name), ...tags.map(({ tag }) => names.tag(tag))];
    if (keys.some((key) => batch.blocks(key) || more?.blocks(key))) throw new ReadFailure("journal");
  }

  #keep(call: Call, mark: Mark, look: Look, { tags, freshUntil }: Entry, now: number): void {
    const names = tags.map(({ tag }) => tag);
    this.#space.l1?.fill(
      mark,
      call.name,
      look.value,
      look.isAbsent,
      names,
      freshUntil - now,
      this.#settings.codec !== undefined,
    );
  }

  async #validated(
    look: { -readonly [K in keyof Look]: Look[K] },
    state: Look["state"],
    schema: NonNullable<Call["settings"]["schema"]>,
    inside: Inside,
  ): Promise<Look> {
    const result = await passed(schema, look.value, inside, this.#settings.loadTimeout);
    if (result !== undefined) {
      look.value = result.value;
      look.state = state;
      return look;
    }
    this.#counts.invalid += 1;
    look.value = undefined;
    return look;
  }

  #generations(
    call: Call,
    batch: Batch,
    more: Batch | undefined,
    entry: Entry | undefined,
  ): ReadonlyMap<string, number | undefined> {
    const { names } = this.#space;
    const ofHint = call.hint;
    const flight = call.zone.flights.get(call.name);
    const ofEntry = entry?.tags;
    if (call.settings.tags.length + (ofHint?.length ?? 0) + (ofEntry?.length ?? 0) === 0 && flight === undefined) {
      return noGenerations;
    }
    const generations = new Map<string, number | undefined>();
    const add = (tag: string) => {
      const key = names.tag(tag);
      const reply = batch.also(key) ?? more?.also(key);
      if (reply !== undefined) generations.set(tag, generationOf(reply));
    };
    for (const tag of call.settings.tags) add(tag);
    for (const tag of ofHint ?? []) add(tag);
    for (const { tag } of ofEntry ?? []) add(tag);
    for (const tag of flight?.generations.keys() ?? []) add(tag);
    return generations;
  }
}

const isSame = (hint: readonly string[] | undefined, tags: Entry["tags"]): boolean =>
  (hint?.length ?? 0) === tags.length && tags.every(({ tag }, i) => tag === hint?.[i]);

const text = (held: Held | null | undefined): string | undefined => (typeof held === "string" ? held : undefined);
