/**
 * Reads, in one question a tick: the calls of a tick share an MGET, in which the generation of the namespace stands once.
 * What it brings is only handed out if it was answered on the link that it was asked on, behind an open gate.
 */
import type { Inside } from "../client/inside.js";
import { within } from "../client/within.js";
import { generationOf, type Held, take } from "./envelope.js";
import { nothingThere, ReadFailure } from "./failure.js";
import type { Gate } from "./gate.js";
import type { Blocker } from "./journal.js";
import type { Names } from "./keys.js";
import type { Mark } from "./memory.js";
import type { Sender, View } from "./sender.js";
import type { Space, Zone } from "./space.js";

/** Keys of one MGET: more would keep other replies waiting. */
const MOST_KEYS = 256;
/** A link that is lost again and again is not believed in. */
const ATTEMPTS = 4;

/** Large values come as bytes, whatever they hold. */
type Reply = Held | Uint8Array | null;

/** What the calls of a tick want to know. */
export class Batch {
  readonly #names: Names;
  /** The keys of entries stand first, and the generation of the namespace last. */
  readonly #entries: string[] = [];
  readonly #places = new Map<string, number>();
  readonly #others: string[] = [];
  #placesOfOthers: Map<string, number> | undefined;
  #values: readonly Reply[] = [];
  readonly #inside: Inside;
  /** Whoever wants something of it awaits this. */
  readonly done: Promise<void>;
  #resolve: (() => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;
  /** When its first call came, in the engine's milliseconds… */
  readonly begunAt: number;
  /** …when it was asked… */
  askedAt = 0;
  /** …and when it was answered… */
  endedAt = 0;
  /** …also in milliseconds since the epoch. */
  answeredAt = 0;
  /** Of the namespace. */
  generation: number | undefined;
  /** Invalidations that had to come before it, by the key that they remove. */
  #blockers: ReadonlyMap<string, Blocker> | undefined;
  /** What had been heard of changes when it was asked, for who keeps the answer in memory. */
  mark: Mark | undefined;

  constructor(names: Names, inside: Inside) {
    this.#names = names;
    this.#inside = inside;
    this.begunAt = inside.now();
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Wants an entry; gives its place. */
  want(name: string): number {
    let place = this.#places.get(name);
    if (place === undefined) {
      place = this.#entries.push(this.#names.entry(name)) - 1;
      this.#places.set(name, place);
    }
    return place;
  }

  /** Wants another key. */
  wantAlso(key: string): void {
    this.#placesOfOthers ??= new Map();
    if (!this.#placesOfOthers.has(key)) this.#placesOfOthers.set(key, this.#others.push(key) - 1);
  }

  /** Null: there is none. */
  entry(place: number): Held | null {
    return this.#held(this.#values[place] as Reply);
  }

  /** Undefined: nobody asked. */
  also(key: string): Held | null | undefined {
    const place = this.#placesOfOthers?.get(key);
    return place === undefined ? undefined : this.#held(this.#values[this.#entries.length + place] as Reply);
  }

  #held(reply: Reply): Held | null {
    if (!(reply instanceof Uint8Array)) return reply;
    const inside = this.#inside;
    const texts = {
      ascii: (start: number, end: number) => inside.ascii(reply, start, end),
      utf8: (start: number, end: number) => inside.utf8(reply, start, end),
    };
    // In Node it is a Buffer, whose `slice` would be a view that all callers share.
    return take(texts, new Uint8Array(reply.buffer, reply.byteOffset, reply.length), 0, reply.length);
  }

  /** What is asked. On a cluster, what was raised after an entry was read is seen, since generations stand behind. */
  get keys(): string[] {
    return [...this.#entries, ...this.#others, this.#names.generation];
  }

  /** Whether an invalidation by this process may not have come before it. */
  blocks(key: string): boolean {
    return this.#blockers?.get(key)?.isGone === false;
  }

  get isBlocked(): boolean {
    return this.#blockers !== undefined && this.#blockers.size > 0;
  }

  answer(values: readonly Reply[], blockers: ReadonlyMap<string, Blocker>): void {
    this.#values = values;
    this.#blockers = blockers;
    this.generation = generationOf(this.#held(values.at(-1) as Reply));
    this.endedAt = this.#inside.now();
    this.answeredAt = this.#inside.wallClock();
    this.#resolve?.();
  }

  fail(error: unknown): void {
    this.#reject?.(error);
  }
}

export class Reader {
  readonly #sender: Sender;
  readonly #space: Space;
  readonly #gate: Gate;
  /** The open batches, by budget. */
  readonly #open = new WeakMap<Zone, Map<number, Batch>>();
  /** The one that was asked for last: mostly there is no other. */
  #last: { readonly zone: Zone; readonly budget: number; readonly batch: Batch } | undefined;

  constructor(sender: Sender, space: Space, gate: Gate) {
    this.#sender = sender;
    this.#space = space;
    this.#gate = gate;
  }

  /** The batch of this tick; what is wanted of it must be said before the tick ends. */
  batch(zone: Zone, scope: object, budget: number, inside: Inside): Batch {
    const last = this.#last;
    if (last !== undefined && last.zone === zone && last.budget === budget) return last.batch;
    let open = this.#open.get(zone);
    if (open === undefined) {
      open = new Map();
      this.#open.set(zone, open);
    }
    const known = open.get(budget);
    const batch = known ?? new Batch(this.#space.names, inside);
    this.#last = { zone, budget, batch };
    if (known !== undefined) return known;
    open.set(budget, batch);
    const batches = open;
    inside.beforeFlush(() => {
      batches.delete(budget);
      this.#last = undefined;
      this.#ask(batch, zone, scope, budget, inside);
    });
    return batch;
  }

  /** Never rejects: what went wrong is the batch's to tell. */
  async #ask(batch: Batch, zone: Zone, scope: object, budget: number, inside: Inside): Promise<void> {
    const start = inside.now();
    const { pulse } = zone;
    const lost = pulse.lost(start);
    const spent = (now: number): number => now - start - (pulse.lost(now) - lost);
    const keys = batch.keys;
    batch.askedAt = start;
    try {
      let left = budget;
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1, left = budget - spent(inside.now())) {
        if (left < 1) throw new ReadFailure("timeout");
        const epoch = this.#sender.nextEpoch;
        const { l1 } = this.#space;
        batch.mark = l1?.begin(inside.now());
        const gate = this.#gate.open(zone, scope, epoch);
        const blockers = this.#space.journal.blockers(keys, scope, epoch);
        const reading = this.#read(keys, left);
        if (gate !== undefined) {
          // If the gate does not open nobody looks at what was read.
          reading.catch(() => {});
          // It has a patience of its own; who waits for it has a budget.
          const opened = await within(gate, inside, left, "timeout" as const);
          if (opened === "again") continue;
          if (opened === "timeout") throw new ReadFailure("timeout");
          if (opened !== "open") throw opened;
        }
        const values = await reading;
        if (inside.epoch !== epoch) continue;
        if (batch.mark !== undefined) l1?.heard(batch.mark.at);
        batch.answer(values, blockers);
        return;
      }
      throw new ReadFailure("lost");
    } catch (error) {
      if (this.#space.isScattered || (error as { code?: unknown }).code !== "CROSSSLOT") {
        batch.fail(error);
        return;
      }
      this.#space.isScattered = true;
      await this.#ask(batch, zone, scope, budget, inside);
    }
  }

  #read(keys: readonly string[], budget: number): Promise<readonly Reply[]> {
    const view = this.#sender.within(budget);
    if (this.#space.isScattered) return this.#scattered(keys, view);
    const ask = (part: readonly string[]) => view.send(["MGET", ...part]) as Promise<Reply[]>;
    if (keys.length <= MOST_KEYS) return ask(keys);
    const asked: Promise<Reply[]>[] = [];
    for (let at = 0; at < keys.length; at += MOST_KEYS) asked.push(ask(keys.slice(at, at + MOST_KEYS)));
    return Promise.all(asked).then((all) => all.flat());
  }

  /** On a cluster. */
  #scattered(keys: readonly string[], view: View): Promise<readonly Reply[]> {
    return Promise.all(keys.map((key) => (view.get(key) as Promise<unknown> as Promise<Reply>).catch(nothingThere)));
  }
}
