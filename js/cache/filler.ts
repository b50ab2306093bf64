/** Stores what was loaded, if nothing that it depends on was invalidated since. Whoever waited for it has it by then. */
import { encode } from "./codec.js";
import { CONTENT, type Content, generationOf, isLargerThan, ownContent, seal, type Tagged } from "./envelope.js";
import type { Flight, Landed } from "./flight.js";
import { ANY_TAG } from "./keys.js";
import type { Markers } from "./markers.js";
import { type CallSettings, encodeTags, type Settings, timeToLive } from "./options.js";
import { FILL } from "./scripts.js";
import type { Sender, View } from "./sender.js";
import type { Space } from "./space.js";
import type { CacheStats, Fallback } from "./types.js";

/** Nobody waits for it, but its budget must not be nobody's either. */
const BUDGET = 1_000;

const nothing: Content = { kind: CONTENT.Absent, data: "" };
const left = Promise.resolve<Filled>("left");
const noTags: readonly Tagged[] = [];
const anyTag: readonly string[] = [ANY_TAG];
/** What becomes of the lease: it is gone; it is to be given back; or a mark takes its place. */
export type Filled = "stored" | "left" | "unstorable";
export const unstorable = Promise.resolve<Filled>("unstorable");
/** Entries that fit are built here, one after the other: arguments of up to 16 KiB are copied when they are staged. */
const scratch = new Uint8Array(8 << 10);

export class Filler {
  readonly #sender: Sender;
  readonly #space: Space;
  readonly #markers: Markers;
  readonly #settings: Settings;
  readonly #counts: CacheStats;
  readonly #fallback: (error: unknown, operation: Fallback["operation"]) => void;

  constructor(
    sender: Sender,
    space: Space,
    markers: Markers,
    settings: Settings,
    counts: CacheStats,
    fallback: (error: unknown, operation: Fallback["operation"]) => void,
  ) {
    this.#sender = sender;
    this.#space = space;
    this.#markers = markers;
    this.#settings = settings;
    this.#counts = counts;
    this.#fallback = fallback;
  }

  /** Never rejects. */
  store(flight: Flight, landed: Landed): Promise<Filled> {
    try {
      const { call } = flight;
      const life = flight.isDetached ? 0 : this.#lifeOf(flight, landed);
      const content = life === 0 ? undefined : this.#contentOf(landed);
      if (content === undefined) return flight.isDetached ? left : unstorable;
      const tags = this.#tagsOf(call.settings, landed);
      const fresh = life * (1 - this.#settings.jitter * Math.random());
      const { swr, grace } = call.settings;
      const lasts = Math.max(1, Math.ceil(landed.isAbsent ? fresh : fresh + Math.max(swr, grace)));
      const stored =
        tags.length === 0
          ? this.#fill(flight, content, fresh, lasts, noTags)
          : this.#tagged(flight, tags, lasts).then(
              (tagged) => tagged && this.#fill(flight, content, fresh, lasts, tagged),
            );
      return stored.then(this.#judged, (error) => this.#failed(flight, error));
    } catch (error) {
      return Promise.resolve(this.#failed(flight, error));
    }
  }

  /** 1: it is stored. Otherwise something was invalidated meanwhile. */
  readonly #judged = (reply: unknown): Filled => {
    if (Number(reply) === 1) this.#counts.fills += 1;
    else this.#counts.fillsRefused += 1;
    return reply === undefined ? "left" : "stored";
  };

  #failed({ call, name }: Flight, error: unknown): Filled {
    const { kind, message, sent } = Object(error) as { kind?: unknown; message?: unknown; sent?: unknown };
    const isValue = kind === "UsageError";
    const { namespace } = this.#settings;
    if (isValue) {
      this.#counts.unserialisable += 1;
      this.#space.notices.unstorable(call.inside, namespace, name, String(message));
    } else if (sent === "yes") this.#space.notices.refused(call.inside, namespace, "stores", error);
    this.#fallback(error, "fill");
    return isValue ? "unstorable" : "left";
  }

  #contentOf({ value, isAbsent }: Landed): Content | undefined {
    if (isAbsent) return nothing;
    const content = encode(value, this.#settings.codec);
    if (!isLargerThan(content, this.#settings.maxValueBytes)) return ownContent(content);
    this.#counts.oversized += 1;
    return undefined;
  }

  /** Of nothing a function gives no tags: with which of them it must be given up is not known. */
  #tagsOf({ tags, tagsOf }: CallSettings, { value, isAbsent }: Landed): readonly string[] {
    if (tagsOf === undefined) return tags;
    return isAbsent ? anyTag : encodeTags(tagsOf(value as never));
  }

  #fill(flight: Flight, content: Content, fresh: number, lasts: number, tagged: readonly Tagged[]): Promise<unknown> {
    const { call, generation, token } = flight;
    const stale = content === nothing ? 0 : call.settings.swr;
    const until = call.inside.wallClock() + fresh;
    const args = () => [
      token as string,
      seal(content, generation as number, until, stale, tagged, scratch),
      String(lasts),
    ];
    const { names } = this.#space;
    const keys = [names.entry(flight.name), names.lease(flight.name)];
    const view = this.#sender.within(BUDGET);
    // At once: whoever has the value may close the client, or read.
    const stored = this.#sender.run(view, FILL, keys, args);
    this.#markers.outlive(view, names.generation, generation as number, lasts);
    for (const { tag, generation } of tagged) this.#markers.outlive(view, names.tag(tag), generation, lasts);
    return stored;
  }

  /** 0: it is not to be stored. */
  #lifeOf({ call, generation }: Flight, { value, isAbsent }: Landed): number {
    if (generation === undefined) return 0;
    const { ttl, negativeTtl } = call.settings;
    if (isAbsent) return negativeTtl;
    return typeof ttl === "number" ? ttl : timeToLive(ttl(value as never));
  }

  /** The tags with their generations before the load; undefined when one may have been invalidated meanwhile. */
  async #tagged(flight: Flight, tags: readonly string[], lasts: number): Promise<readonly Tagged[] | undefined> {
    const found = new Map(flight.generations);
    if (flight.sequence !== undefined) found.set(ANY_TAG, flight.sequence);
    const unknown = tags.filter((tag) => found.get(tag) === undefined);
    if (unknown.length > 0) {
      // Their generations were not read before the load. But if no tag at all was invalidated since, they are the same.
      const view: View = this.#sender.within(BUDGET);
      const { names } = this.#space;
      const made = await Promise.all(unknown.map((tag) => this.#markers.ensure(view, names.tag(tag), lasts)));
      const sequence: unknown = await view.get(names.sequence);
      if (flight.sequence === undefined || generationOf(sequence) !== flight.sequence) return undefined;
      for (const [i, tag] of unknown.entries()) found.set(tag, made[i]);
    }
    const tagged = tags.map((tag) => ({ tag, generation: found.get(tag) }));
    return tagged.every((one): one is Tagged => one.generation !== undefined) ? tagged : undefined;
  }
}
