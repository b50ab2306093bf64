/** One call of a reader, and what it may spend. */
import type { Inside } from "../client/inside.js";
import type { CallSettings } from "./options.js";
import type { Space, Zone } from "./space.js";

/** Of Redis time, in milliseconds… */
export const BUDGET = 250;
/** …and while the first dial is under way, so that a cold start does not send every request to the origin. */
const COLD_BUDGET = 1_000;

export class Call {
  /** The encoded key. */
  readonly name: string;
  readonly settings: CallSettings;
  readonly inside: Inside;
  readonly zone: Zone;
  readonly scope: object;
  readonly budget: number;
  /** Which of the zone's calls it is: what began to load after it may be given to it. */
  readonly order: number;
  /** Invalidations of this thread before it. */
  readonly orders: number;
  /** Where its entry stands in the batch that asks for it. */
  place = 0;
  /** The tags that it was asked for with, besides those of the settings: those that the entry had when it was last seen. */
  hint: readonly string[] | undefined;
  /** Milliseconds of Redis time so far. */
  spent = 0;
  #begun = 0;
  #lost = 0;

  constructor(name: string, settings: CallSettings, inside: Inside, space: Space, scope: object) {
    this.name = name;
    this.settings = settings;
    this.inside = inside;
    const zone = space.zone(scope);
    this.zone = zone;
    this.orders = space.orders;
    this.scope = scope;
    this.budget = settings.timeout ?? (inside.epoch === 0 ? COLD_BUDGET : BUDGET);
    zone.calls += 1;
    this.order = zone.calls;
  }

  /** …that are left. */
  get left(): number {
    return this.budget - this.spent;
  }

  /** From here on Redis is waited for… */
  begin(now: number = this.inside.now()): void {
    const { pulse } = this.zone;
    pulse.begin(this.inside, now);
    this.#begun = now;
    this.#lost = pulse.lost(now);
  }

  /** …until here, unless it was counted before. What nobody could have read an answer in does not count. */
  spend(now: number = this.inside.now()): void {
    if (now <= this.#begun) return;
    const lost = this.zone.pulse.lost(now);
    this.spent += Math.max(0, now - this.#begun - (lost - this.#lost));
    this.#begun = now;
    this.#lost = lost;
  }
}
