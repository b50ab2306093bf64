/**
 * The right to load an entry, for all processes: a key beside it, which ends by itself, and which an invalidation deletes
 * with the entry. Along with it generations are made that the entry will depend on.
 */
import type { Call } from "./call.js";
import { HEADER, type Held, signOf } from "./envelope.js";
import { nothingThere, ReadFailure } from "./failure.js";
import { type Cause, causeIn, MARK_LIFE, markOf } from "./hopes.js";
import type { Look } from "./lookup.js";
import type { Markers } from "./markers.js";
import type { CallSettings } from "./options.js";
import { EXTEND, MARK, TAKE } from "./scripts.js";
import type { Sender, View } from "./sender.js";
import type { Space } from "./space.js";

/** In milliseconds; a process that has died keeps a key from others for no longer. */
export const LEASE = 3_000;
/** A load that takes longer has it renewed so often. */
export const RENEWAL = 1_000;
/** Nobody waits for it, but its budget must not be nobody's either. */
const BUDGET = 1_000;

/** What had to be made before the load. */
export interface Made {
  readonly generation: number | undefined;
  readonly generations: readonly (readonly [string, number | undefined])[];
  /** What changes with each invalidation of a tag, where tags are not known. */
  readonly sequence: number | undefined;
}

/** What Redis says of a lease that was asked for, and what the entry begins with. */
type Reply = readonly [taken: unknown, head: Held | null];

/** The lease is ours. */
export const isOurs = ([taken]: Reply): boolean => taken === "OK";

/** There is another entry than the one that was seen. */
export function isOther([, head]: Reply, look: Look): boolean {
  const sign = signOf(head);
  return sign !== "" && sign !== signOf(look.held);
}

export class Leases {
  readonly #sender: Sender;
  readonly #space: Space;
  readonly #markers: Markers;

  constructor(sender: Sender, space: Space, markers: Markers) {
    this.#sender = sender;
    this.#space = space;
    this.#markers = markers;
  }

  /** Asks for it. Throws, or rejects, when it cannot be asked for, or no answer comes within what is left to the call. */
  ask(call: Call, token: string): Promise<Reply> {
    if (call.left < 1) throw new ReadFailure("timeout");
    const { names } = this.#space;
    const view = this.#sender.within(call.left);
    const lease = names.lease(call.name);
    const taking =
      causeIn(token) === undefined
        ? view.send(["SET", lease, token, "NX", "PX", `${LEASE}`])
        : this.#sender.run(view, TAKE, [lease], [token, LEASE]);
    // In this order: once the lease is ours nobody stores what was loaded under another.
    const looking = view.send(["GETRANGE", names.entry(call.name), "0", `${HEADER - 1}`]).catch(nothingThere);
    return Promise.all([taking, looking]) as Promise<unknown> as Promise<Reply>;
  }

  /** To be called right behind `ask`: what the entry will depend on has to be there before the load. */
  make(call: Call, look: Look): Promise<Made> | undefined {
    const { tags, tagsOf } = call.settings;
    if (look.generation !== undefined && tags.length === 0 && tagsOf === undefined) return undefined;
    return this.#make(call, look, this.#sender.within(call.left));
  }

  /** Makes generations that are missing; and finds out what changes with each invalidation of a tag, if it is needed. */
  async #make(call: Call, look: Look, view: View): Promise<Made> {
    const { names } = this.#space;
    const { tags, tagsOf } = call.settings;
    const life = lifeOf(call.settings);
    const make = (key: string) => this.#markers.ensure(view, key, life);
    const missing = tags.filter((tag) => look.generations.get(tag) === undefined);
    const [generation, sequence, generations] = await Promise.all([
      look.generation === undefined ? make(names.generation) : undefined,
      tagsOf === undefined ? undefined : make(names.sequence),
      Promise.all(missing.map((tag) => make(names.tag(tag)))),
    ]);
    return { generation, generations: missing.map((tag, i) => [tag, generations[i]] as const), sequence };
  }

  /** Keeps it for longer. */
  renew(name: string, token: string): void {
    this.#extend(name, token, LEASE).catch(() => {});
  }

  /** Nobody need wait for a load that will store nothing. Never rejects. */
  release(name: string, token: string): Promise<unknown> {
    return this.#extend(name, token, 0).catch((error) => this.#drop(name, error));
  }

  /** Tells those who wait for it that nothing will come, and why. Never rejects. */
  mark(name: string, token: string, cause: Cause, backoff: number): Promise<unknown> {
    const view = this.#sender.within(BUDGET);
    const args = [token, markOf(cause, token), cause === "failed" ? Math.max(MARK_LIFE, backoff) : MARK_LIFE];
    const marked = this.#sender.run(view, MARK, [this.#space.names.lease(name)], args);
    return marked.catch((error) => this.#drop(name, error));
  }

  /** Where scripts are denied. It may be another's by now, which then stores nothing; otherwise it ends by itself. */
  #drop(name: string, error: unknown): Promise<unknown> | undefined {
    if ((error as { code?: unknown }).code !== "NOPERM") return undefined;
    return this.#sender
      .within(BUDGET)
      .call("DEL", this.#space.names.lease(name))
      .catch(() => {});
  }

  #extend(name: string, token: string, milliseconds: number): Promise<unknown> {
    return this.#sender.run(
      this.#sender.within(BUDGET),
      EXTEND,
      [this.#space.names.lease(name)],
      [token, milliseconds],
    );
  }
}

/** How long a value will be kept, as far as that is known before it is there. */
function lifeOf({ ttl, swr, grace, negativeTtl }: CallSettings): number {
  return typeof ttl === "number" ? ttl + Math.max(swr, grace) : negativeTtl;
}
