/** Loads on behalf of calls: once for all of them, in this process and beside others, and stores what was loaded. */
import type { Call } from "./call.js";
import { Filler, unstorable } from "./filler.js";
import { Flight, type Landed } from "./flight.js";
import { BackedOff, type Cause, causeIn, hopeless } from "./hopes.js";
import { isOther, isOurs, Leases, type Made, RENEWAL } from "./lease.js";
import type { Loads } from "./loads.js";
import type { Look, Lookup } from "./lookup.js";
import { Markers } from "./markers.js";
import type { Settings } from "./options.js";
import type { Sender } from "./sender.js";
import type { Space, Zone } from "./space.js";
import { absent, type CacheStats, type Fallback, type Loader } from "./types.js";
import { unique } from "./unique.js";

/** Pauses between two looks at what another process does. */
const FIRST_PAUSE = 10;
const LONGEST_PAUSE = 200;

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
  readonly #lookup: Lookup;
  readonly #loads: Loads;
  readonly #counts: CacheStats;
  readonly #fallback: Parts["fallback"];
  readonly #leaseWait: number;
  readonly #backoff: number;
  readonly #space: Space;
  readonly #leases: Leases;
  readonly #filler: Filler;

  constructor({ sender, space, settings, lookup, loads, counts, fallback }: Parts) {
    this.#lookup = lookup;
    this.#loads = loads;
    this.#counts = counts;
    this.#fallback = fallback;
    this.#leaseWait = settings.leaseWait;
    this.#backoff = settings.graceBackoff;
    this.#space = space;
    const markers = new Markers(sender, space);
    this.#leases = new Leases(sender, space, markers);
    this.#filler = new Filler(sender, space, markers, settings, counts, fallback);
  }

  /**
   * The value, by whoever loads it. `look` is what Redis had; undefined when it could not be asked. Rejects with what the loader
   * throws; with `BackedOff` where the loader has just failed, and what Redis had will do.
   */
  serve(call: Call, loader: Loader<unknown>, look: Look | undefined): Promise<Landed> {
    if (look !== undefined && this.#isSpared(call, look)) return Promise.reject(new BackedOff());
    const known = call.zone.flights.get(call.name);
    if (known?.accepts(call, look)) return this.#join(known, call, loader);
    // What has only to be stored may still be: the lease says whether it holds.
    if (known !== undefined && !known.isLoaded) this.detach(call.zone, known);
    return this.#begin(call, loader, look, false).landed as Promise<Landed>;
  }

  async #join(flight: Flight, call: Call, loader: Loader<unknown>): Promise<Landed> {
    this.#counts.joins += 1;
    flight.join(call);
    const landed = (await flight.landed) as Landed;
    if (call.order <= flight.foundFor) return landed;
    const own = await this.#lookup.look(call).catch(() => undefined);
    if (own?.state === "fresh" || own?.state === "stale") return { value: own.value, isAbsent: own.isAbsent };
    return this.serve(call, loader, own);
  }

  /** Loads anew what has just been served stale, unless somebody does. */
  refresh(call: Call, loader: Loader<unknown>, look: Look): void {
    if (call.zone.flights.has(call.name) || this.#space.hopes.isFailing(call.name, call.inside.now())) return;
    const { landed } = this.#begin(call, loader, look, true);
    call.inside.waitUntil(landed.catch(() => {}));
  }

  /** There is an old value to serve, and the loader has just failed, here or elsewhere. */
  #isSpared({ name, inside, settings }: Call, look: Look): boolean {
    if (look.state !== "old" || inside.wallClock() >= look.freshUntil + settings.grace) return false;
    return this.#space.hopes.isFailing(name, inside.now());
  }

  /** Nobody need wait for what will not be there. */
  #mark(flight: Flight, token: string, cause: Cause): Promise<unknown> {
    this.#space.hopes.lose(flight.name, cause, flight.call.inside.now(), this.#backoff);
    return this.#leases.mark(flight.name, token, cause, this.#backoff);
  }

  /** Its value is too old for whoever comes from now on. */
  detach(zone: Zone, flight: Flight): void {
    flight.isDetached = true;
    zone.flights.delete(flight.name);
    // Nobody need wait for it either.
    if (flight.token !== undefined) this.#leases.release(flight.name, flight.token);
  }

  #begin(call: Call, loader: Loader<unknown>, look: Look | undefined, isBackground: boolean): Flight {
    const flight = new Flight(call, isBackground);
    call.zone.flights.set(call.name, flight);
    flight.landed = this.#fly(flight, loader, look);
    // Who waits for it listens; in the background nobody does.
    flight.landed.catch(() => {});
    return flight;
  }

  #leave(flight: Flight): void {
    const { flights } = flight.call.zone;
    if (flights.get(flight.name) === flight) flights.delete(flight.name);
  }

  async #fly(flight: Flight, loader: Loader<unknown>, look: Look | undefined): Promise<Landed | undefined> {
    const { inside } = flight.call;
    let isStoring = false;
    try {
      if (look !== undefined) {
        const leased = await this.#lease(flight, look);
        if (leased === "busy") return undefined;
        if (typeof leased === "object") return leased;
      }
      const loaded = await this.#loads.run(loader, inside, flight.isBackground, flight, this.#events);
      flight.isLoaded = true;
      const isAbsent = loaded.value === absent;
      const landed: Landed = { value: isAbsent ? undefined : loaded.value, isAbsent };
      if (flight.token !== undefined) {
        isStoring = true;
        inside.waitUntil(this.#store(flight, loaded.isSkipped ? undefined : landed));
      }
      return landed;
    } catch (error) {
      if (!(error instanceof BackedOff)) {
        this.#counts.loadErrors += 1;
        if (flight.token === undefined) this.#space.hopes.lose(flight.name, "failed", inside.now(), this.#backoff);
        else if (flight.isDetached) this.#leases.release(flight.name, flight.token);
        else this.#mark(flight, flight.token, "failed");
      }
      throw error;
    } finally {
      if (!isStoring) this.#leave(flight);
    }
  }

  /** What is to be done when a load begins, and now and then while it goes on. */
  readonly #events = {
    begins: (flight: Flight) => {
      flight.beginLoad(flight.call.zone.calls);
      this.#counts.loads += 1;
    },
    interval: RENEWAL,
    goesOn: ({ name, token, isDetached }: Flight) => {
      if (token !== undefined && !isDetached) this.#leases.renew(name, token);
    },
  };

  /** Never rejects. */
  #store(flight: Flight, landed: Landed | undefined): Promise<void> {
    const token = flight.token as string;
    const stored = landed === undefined ? unstorable : this.#filler.store(flight, landed);
    return stored.then(async (filled) => {
      if (filled === "stored") this.#space.hopes.regain(flight.name);
      else if (filled === "unstorable") await this.#mark(flight, token, "unstorable");
      else await this.#leases.release(flight.name, token);
      this.#leave(flight);
    });
  }

  #token({ name, inside }: Call): string {
    const cause = this.#space.hopes.lost(name, inside.now());
    return cause === undefined ? unique() : hopeless(unique(), cause);
  }

  /** Gets the right to load; or waits for another process that has it, and gives what that has stored. */
  async #lease(flight: Flight, look: Look): Promise<Leased> {
    const { call } = flight;
    const token = this.#token(call);
    call.begin();
    flight.foundFor = call.zone.calls;
    try {
      const asked = this.#leases.ask(call, token);
      const making = this.#leases.make(call, look);
      const [reply, made] = making === undefined ? [await asked] : await Promise.all([asked, making]);
      call.spend();
      const isNew = isOther(reply, look);
      if (isOurs(reply) && !isNew) return this.#grant(flight, look, token, made);
      if (isOurs(reply)) this.#leases.release(call.name, token);
      if (flight.isBackground) return "busy";
      if (!isNew && causeIn(token) !== undefined) return this.#goWithout(flight, look, textOf(reply[0]), made);
      return await this.#wait(flight, look, isNew);
    } catch (error) {
      if (error instanceof BackedOff) throw error;
      return this.#unknown(flight, token, error);
    }
  }

  /** Looks again and again, and asks for the lease in the same tick: what another process has stored is there by then. */
  async #wait(flight: Flight, first: Look, isThere: boolean): Promise<Leased> {
    const { call } = flight;
    const { inside } = call;
    const deadline = inside.now() + this.#leaseWait;
    if (!isThere) this.#counts.leaseWaits += 1;
    let look = first;
    // The first time at once: it may be a mark that is there, and not a lease.
    for (let pause = 0, isNew = isThere; ; pause = Math.min(LONGEST_PAUSE, Math.max(FIRST_PAUSE, 1.6 * pause))) {
      // Nothing was found: who comes until the next look may have what that finds.
      flight.foundFor = Number.POSITIVE_INFINITY;
      const left = deadline - inside.now();
      if (left <= 0) return "none";
      if (!isNew && pause > 0) await sleep(call, Math.min(left, pause * (0.75 + Math.random() / 2)));
      isNew = false;
      const token = this.#token(call);
      const { spent } = call;
      flight.foundFor = call.zone.calls;
      try {
        const asked = this.#leases.ask(call, token);
        const making = this.#leases.make(call, look);
        const [reply, made, seen] = await Promise.all([asked, making, this.#lookup.look(call)]);
        const isFound = seen.state === "fresh" || seen.state === "stale";
        const isSame = !isOther(reply, look);
        if (isOurs(reply) && (isFound || !isSame)) this.#leases.release(call.name, token);
        if (isFound) return { value: seen.value, isAbsent: seen.isAbsent };
        if (isOurs(reply) && isSame) return this.#grant(flight, seen, token, made);
        const cause = causeIn(seen.lease);
        if (cause !== undefined) {
          this.#space.hopes.lose(call.name, cause, inside.now(), this.#backoff);
          if (this.#isSpared(call, seen)) throw new BackedOff();
          // Where a mark is the lease can be had; whoever has it is not waited for.
          if (causeIn(token) === undefined) return await this.#lease(flight, seen);
          return this.#goWithout(flight, seen, seen.lease, made);
        }
        // Redis has answered: it is the other process that is waited for, and that has a limit of its own.
        call.spent = spent;
        look = seen;
      } catch (error) {
        if (error instanceof BackedOff) throw error;
        return this.#unknown(flight, token, error);
      }
    }
  }

  #grant(flight: Flight, look: Look, token: string, made: Made | undefined): Leased {
    flight.foundFor = Number.POSITIVE_INFINITY;
    if (flight.isDetached) {
      // It was given up meanwhile: nothing would be stored, and others would wait for nothing.
      this.#leases.release(flight.name, token);
      return flight.isBackground ? "busy" : "none";
    }
    flight.token = token;
    this.#depend(flight, look, token, made);
    return "ours";
  }

  /** It loads beside another process, whose lease shows those who come later whether anything was invalidated since. */
  #goWithout(flight: Flight, look: Look, lease: string | undefined, made: Made | undefined): "none" {
    flight.foundFor = Number.POSITIVE_INFINITY;
    if (!flight.isDetached) this.#depend(flight, look, lease, made);
    return "none";
  }

  #depend(flight: Flight, look: Look, lease: string | undefined, made: Made | undefined): void {
    flight.lease = lease;
    flight.generation = made?.generation ?? look.generation;
    flight.generations = made === undefined ? look.generations : new Map([...look.generations, ...made.generations]);
    flight.sequence = made?.sequence;
  }

  /** It may be ours all the same, without our knowing since when: it must not be filled by it, nor kept from others. */
  #unknown(flight: Flight, token: string, error: unknown): "none" {
    this.#leases.release(flight.name, token);
    flight.foundFor = Number.POSITIVE_INFINITY;
    this.#fallback(error, "lease");
    return "none";
  }
}

function sleep({ inside }: Call, milliseconds: number): Promise<void> {
  return new Promise((resolve) => inside.setTimer(resolve, milliseconds).hold(true));
}

const textOf = (reply: unknown): string | undefined => (typeof reply === "string" ? reply : undefined);
