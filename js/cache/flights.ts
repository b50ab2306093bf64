/** Loads on behalf of calls: once for all of them, in this process and beside others, and stores what was loaded. */
import type { Call } from "./call.js";
import { encode } from "./codec.js";
import {
  CONTENT,
  type Content,
  generationOf,
  HEADER,
  type Held,
  isLargerThan,
  seal,
  signOf,
  type Tagged,
} from "./envelope.js";
import { ReadFailure } from "./failure.js";
import { Flight, type Landed } from "./flight.js";
import { unique } from "./gate.js";
import type { Loads } from "./loads.js";
import type { Look, Lookup } from "./lookup.js";
import { encodeTags, type Settings, timeToLive } from "./options.js";
import { ENSURE, EXTEND, FILL } from "./scripts.js";
import type { Sender, View } from "./sender.js";
import type { Space, Zone } from "./space.js";
import { absent, type CacheStats, type Fallback, type Loader } from "./types.js";

/** A lease ends by itself when its process has died; a load that takes longer renews it. */
const LEASE = 3_000;
const RENEWAL = 1_000;
/** Pauses between two looks at what another process does. */
const FIRST_PAUSE = 10;
const LONGEST_PAUSE = 200;
/** Nobody waits for what is stored, but its budget must not be nobody's either. */
const FILL_BUDGET = 1_000;
/** The generation of a tag is kept for so long at least. */
const DAY = 86_400_000;

const nothing: Content = { kind: CONTENT.Absent, data: "" };
/** Entries that fit are built here, one after the other: arguments of up to 16 KiB are copied when they are staged. */
const scratch = new Uint8Array(8 << 10);
const noTags: readonly Tagged[] = [];

export interface Parts {
  readonly sender: Sender;
  readonly space: Space;
  readonly settings: Settings;
  readonly lookup: Lookup;
  readonly loads: Loads;
  readonly counts: CacheStats;
  /** The cache is gone without, for what the error says. */
  readonly fallback: (error: unknown, operation: Fallback["operation"]) => void;
}

/** How it stands with the lease: it is ours; another's, and nobody waits for that; there is none to be had. */
type Leased = "ours" | "busy" | "none" | Landed;

export class Flights {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The value, by whoever loads it. `look` is what Redis had; undefined when it could not be asked. */
  async serve(call: Call, loader: Loader<unknown>, look: Look | undefined): Promise<Landed> {
    const { flights } = call.zone;
    const known = flights.get(call.name);
    if (known?.accepts(call, look)) {
      this.#parts.counts.joins += 1;
      known.join(call);
      const landed = (await known.landed) as Landed;
      if (call.order <= known.foundFor) return landed;
      const own = await this.#parts.lookup.look(call).catch(() => undefined);
      if (own?.state === "fresh" || own?.state === "stale") return { value: own.value, isAbsent: own.isAbsent };
      return this.serve(call, loader, own);
    }
    // What has only to be stored may still be: the lease says whether it holds.
    if (known !== undefined && !known.isLoaded) this.detach(call.zone, known);
    return this.#begin(call, loader, look, false).landed as Promise<Landed>;
  }

  /** Loads anew what has just been served stale, unless somebody does. */
  refresh(call: Call, loader: Loader<unknown>, look: Look): void {
    if (call.zone.flights.has(call.name)) return;
    const { landed } = this.#begin(call, loader, look, true);
    call.inside.waitUntil(landed.catch(() => {}));
  }

  /** Its value is too old for whoever comes from now on. */
  detach(zone: Zone, flight: Flight): void {
    flight.isDetached = true;
    zone.flights.delete(flight.name);
    // Nobody need wait for it either.
    if (flight.token !== undefined) this.#release(flight.name, flight.token);
  }

  #begin(call: Call, loader: Loader<unknown>, look: Look | undefined, isBackground: boolean): Flight {
    const { flights } = call.zone;
    const flight = new Flight(call, isBackground);
    flights.set(call.name, flight);
    const leave = () => {
      if (flights.get(call.name) === flight) flights.delete(call.name);
    };
    flight.landed = this.#fly(flight, call, loader, look, leave);
    // Who waits for it listens; in the background nobody does.
    flight.landed.catch(() => {});
    return flight;
  }

  async #fly(
    flight: Flight,
    call: Call,
    loader: Loader<unknown>,
    look: Look | undefined,
    leave: () => void,
  ): Promise<Landed | undefined> {
    const { counts, loads } = this.#parts;
    let isStoring = false;
    try {
      if (look !== undefined) {
        const leased = await this.#lease(flight, call, look);
        if (leased === "busy") return undefined;
        if (typeof leased === "object") return leased;
      }
      const begins = () => {
        flight.beginLoad(call.zone.calls);
        counts.loads += 1;
      };
      const { value, isSkipped } = await loads.run(
        loader,
        call.inside,
        flight.isBackground,
        begins,
        () => this.#renew(flight),
        RENEWAL,
      );
      flight.isLoaded = true;
      const landed: Landed = { value: value === absent ? undefined : value, isAbsent: value === absent };
      if (flight.token !== undefined) {
        isStoring = true;
        const stored = isSkipped ? this.#release(flight.name, flight.token) : this.#store(flight, call, landed);
        call.inside.waitUntil(stored.then(leave));
      }
      return landed;
    } catch (error) {
      counts.loadErrors += 1;
      if (flight.token !== undefined) this.#release(flight.name, flight.token);
      throw error;
    } finally {
      if (!isStoring) leave();
    }
  }

  // ── The lease ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** Gets the right to load; or waits for another process that has it, and gives what that has stored. */
  async #lease(flight: Flight, call: Call, first: Look): Promise<Leased> {
    const { counts, fallback, settings, lookup } = this.#parts;
    const { inside } = call;
    const deadline = inside.now() + settings.leaseWait;
    let look = first;
    let pause = FIRST_PAUSE;
    for (let attempt = 0; ; attempt += 1) {
      const token = unique();
      call.begin();
      let answer: Answer;
      try {
        // Both in the same tick: if the other process has stored something meanwhile, it is here.
        const asked = this.#ask(call, look, token);
        flight.foundFor = call.zone.calls;
        const seen = attempt === 0 ? undefined : lookup.look(call);
        seen?.catch(() => {});
        answer = await asked;
        if (seen === undefined) call.spend();
        else look = await seen;
      } catch (error) {
        // It may be ours all the same, without our knowing since when: it must not be filled by it, nor kept from others.
        this.#release(call.name, token);
        flight.foundFor = Number.POSITIVE_INFINITY;
        fallback(error, "lease");
        return "none";
      }
      const isFound = look !== first && (look.state === "fresh" || look.state === "stale");
      if (answer.isOurs && (isFound || answer.isOther)) this.#release(call.name, token);
      if (isFound) return { value: look.value, isAbsent: look.isAbsent };
      if (answer.isOurs && !answer.isOther) {
        flight.foundFor = Number.POSITIVE_INFINITY;
        flight.token = token;
        flight.generation = answer.generation ?? look.generation;
        flight.generations =
          answer.generations.length === 0 ? look.generations : new Map([...look.generations, ...answer.generations]);
        flight.sequence = answer.sequence;
        return "ours";
      }
      if (flight.isBackground) return "busy";
      // Nothing was found: who comes until the next look may have what that finds.
      flight.foundFor = Number.POSITIVE_INFINITY;
      if (attempt === 0 && !answer.isOther) counts.leaseWaits += 1;
      const left = deadline - inside.now();
      if (left <= 0) return "none";
      if (!answer.isOther || attempt > 0) await sleep(call, Math.min(left, pause * (0.75 + Math.random() / 2)));
      pause = Math.min(LONGEST_PAUSE, 1.6 * pause);
    }
  }

  /** Asks for the lease, and whether there is another entry by now; beside it, for generations that are missing. */
  async #ask(call: Call, look: Look, token: string): Promise<Answer> {
    const { sender, space } = this.#parts;
    const { names } = space;
    if (call.left < 1) throw new ReadFailure("timeout");
    const view = sender.within(call.left);
    const taking = view.callAll(["SET", names.lease(call.name), token, "NX", "PX", LEASE]);
    // In this order: once the lease is ours nobody stores what was loaded under another.
    const looking = view.callAll(["GETRANGE", names.entry(call.name), 0, HEADER - 1]).catch(nothingThere);
    const isComplete = look.generation !== undefined && call.settings.tags.length === 0;
    const [taken, head, made = nothingMade] = await Promise.all([
      taking,
      looking,
      isComplete && call.settings.tagsOf === undefined ? undefined : this.#make(call, look, view),
    ]);
    const sign = signOf(head as Held | null);
    return { ...made, isOurs: taken === "OK", isOther: sign !== "" && sign !== signOf(look.held) };
  }

  /** Makes generations that are missing; and finds out what changes with each invalidation of a tag, if it is needed. */
  async #make(call: Call, look: Look, view: View): Promise<Made> {
    const { sender, space } = this.#parts;
    const { names } = space;
    const own = look.generation === undefined ? sender.run(view, ENSURE, [names.generation], [0]) : undefined;
    const missing = call.settings.tags.filter((tag) => look.generations.get(tag) === undefined);
    const made = missing.map((tag) => sender.run(view, ENSURE, [names.tag(tag)], [DAY]));
    let sequence: Promise<unknown> | undefined;
    if (call.settings.tagsOf !== undefined) {
      const planted = view.callAll(["SET", names.sequence, unique(), "NX"]);
      sequence = Promise.all([planted, view.get(names.sequence)]).then(([, text]) => text);
    }
    const [generation, generations, read] = await Promise.all([own, Promise.all(made), sequence]);
    return {
      generation: generationOf(generation),
      generations: missing.map((tag, i) => [tag, generationOf(generations[i])] as const),
      sequence: typeof read === "string" ? read : undefined,
    };
  }

  #renew(flight: Flight): void {
    const { sender, space } = this.#parts;
    if (flight.token === undefined || flight.isDetached) return;
    const args = [flight.token, LEASE];
    sender.run(sender.within(FILL_BUDGET), EXTEND, [space.names.lease(flight.name)], args).catch(() => {});
  }

  /** Nobody need wait for a load that will store nothing. Never rejects. */
  async #release(name: string, token: string): Promise<void> {
    const { sender, space } = this.#parts;
    try {
      await sender.run(sender.within(FILL_BUDGET), EXTEND, [space.names.lease(name)], [token, 0]);
    } catch {
      // It ends by itself.
    }
  }

  // ── Storing ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Stores what was loaded, if nothing that it depends on was invalidated since. Never rejects. */
  async #store(flight: Flight, call: Call, landed: Landed): Promise<void> {
    const { counts, fallback } = this.#parts;
    try {
      const stored = !flight.isDetached && (await this.#fill(flight, call, landed));
      if (stored) return;
    } catch (error) {
      if ((error as { kind?: unknown })?.kind === "UsageError") counts.unserialisable += 1;
      fallback(error, "fill");
    }
    await this.#release(flight.name, flight.token as string);
  }

  async #fill(flight: Flight, call: Call, { value, isAbsent }: Landed): Promise<boolean> {
    const { sender, space, settings, counts, fallback } = this.#parts;
    const { ttl, swr, grace, negativeTtl, tagsOf } = call.settings;
    const { generation } = flight;
    const life = isAbsent ? negativeTtl : typeof ttl === "number" ? ttl : timeToLive(ttl(value as never));
    if (life === 0 || generation === undefined) return false;
    const content = isAbsent ? nothing : encode(value, settings.codec);
    if (isLargerThan(content, settings.maxValueBytes)) {
      counts.oversized += 1;
      return false;
    }
    let tags: readonly string[] = call.settings.tags;
    if (tagsOf !== undefined && !isAbsent) tags = encodeTags(tagsOf(value as never));
    const view = sender.within(FILL_BUDGET);
    const tagged = tags.length === 0 ? noTags : await this.#tagged(flight, tags, view);
    if (tagged === undefined) {
      counts.fillsRefused += 1;
      return false;
    }
    const fresh = life * (1 - settings.jitter * Math.random());
    const [stale, old] = isAbsent ? [0, 0] : [swr, Math.max(swr, grace)];
    const freshUntil = call.inside.wallClock() + fresh;
    const { names } = space;
    const keys = [names.entry(flight.name), names.lease(flight.name)];
    const lasts = Math.max(1, Math.ceil(fresh + old));
    const args = () => [flight.token as string, seal(content, generation, freshUntil, stale, tagged, scratch), lasts];
    try {
      const stored = new Promise((resolve, reject) => {
        call.zone.last(call.inside, () => {
          try {
            sender.run(view, FILL, keys, args).then(resolve, reject);
          } catch (error) {
            reject(error);
          }
        });
      });
      const isStored = Number(await stored) === 1;
      if (isStored) counts.fills += 1;
      else counts.fillsRefused += 1;
      // A lease that does not stand any more needs no giving back.
      return true;
    } catch (error) {
      fallback(error, "fill");
      return true;
    }
  }

  /** The tags with their generations before the load; undefined when one may have been invalidated meanwhile. */
  async #tagged(
    flight: Flight,
    tags: readonly string[],
    view: View,
  ): Promise<Tagged[] | undefined> {
    const { sender, space } = this.#parts;
    const unknown = tags.filter((tag) => flight.generations.get(tag) === undefined);
    const found = new Map(flight.generations);
    if (unknown.length > 0) {
      // Their generations were not read before the load. But if no tag at all was invalidated since, they are the same.
      const made = unknown.map((tag) => sender.run(view, ENSURE, [space.names.tag(tag)], [DAY]));
      const replies = await Promise.all(made);
      const sequence: unknown = await view.get(space.names.sequence);
      if (flight.sequence === undefined || sequence !== flight.sequence) return undefined;
      for (const [i, tag] of unknown.entries()) found.set(tag, generationOf(replies[i]));
    }
    const tagged = tags.map((tag) => ({ tag, generation: found.get(tag) }));
    return tagged.every((one): one is Tagged => one.generation !== undefined) ? tagged : undefined;
  }
}

/** What had to be made before the load. */
interface Made {
  readonly generation: number | undefined;
  readonly generations: readonly (readonly [string, number | undefined])[];
  readonly sequence: string | undefined;
}

interface Answer extends Made {
  readonly isOurs: boolean;
  /** There is another entry than the one that was seen. */
  readonly isOther: boolean;
}

const nothingMade: Made = { generation: undefined, generations: [], sequence: undefined };

/** A key of another type is no entry, and will make room for one. */
function nothingThere(error: unknown): null {
  if ((error as { code?: unknown }).code === "WRONGTYPE") return null;
  throw error;
}

function sleep({ inside }: Call, milliseconds: number): Promise<void> {
  return new Promise((resolve) => inside.setTimer(resolve, milliseconds).hold(true));
}
