/** What all caches of a namespace on a target share in a thread, in all copies of the package: found on globalThis. */
import type { Inside } from "../client/inside.js";
import { Breaker } from "./breaker.js";
import type { ReadFailure } from "./failure.js";
import type { Flight } from "./flight.js";
import { Hopes } from "./hopes.js";
import { Journal } from "./journal.js";
import { Names } from "./keys.js";
import type { L1 } from "./l1.js";
import { Lives } from "./markers.js";
import { Notices } from "./notices.js";
import { Pulse } from "./pulse.js";
import { Recent } from "./recent.js";
import { Replays } from "./replays.js";
import { Servers } from "./servers.js";
import { Turns } from "./turns.js";

const key = Symbol.for("edgis.cache.1");
/** Keys whose tags are remembered, and characters of them. */
const MOST_HINTS = 20_000;
const MOST_HINTED = 2 << 20;
/** Namespaces of a thread; beyond that those that nobody uses are let go of. */
const MOST_SPACES = 200;
/** Milliseconds for which one that has invalidated anything is kept in mind all the same. */
const MINDED = 600_000;

/** What belongs to those who may await each other: the users of a target. */
export class Zone {
  /** The link whose server is known to be the one that the namespace was last written on. */
  fenced = 0;
  /** When it was last asked. */
  fencedAt = Number.NEGATIVE_INFINITY;
  fencing: { readonly epoch: number; readonly done: Promise<Fenced> } | undefined;
  readonly pulse = new Pulse();
  readonly flights = new Map<string, Flight>();
  /** Calls so far: tells which came before a load began. */
  calls = 0;
}

/** `open`: what was staged behind it may be believed. `again`: only what is staged from now on. Or why neither. */
export type Fenced = "open" | "again" | ReadFailure;

export class Space {
  readonly names: Names;
  readonly journal: Journal;
  readonly recent: Recent;
  readonly servers = new Servers();
  readonly lives = new Lives();
  readonly hopes = new Hopes();
  readonly notices: Notices;
  /** Makes up for the journal. */
  readonly replays = new Replays(this);
  readonly breaker = new Breaker();
  readonly turns = new Turns();
  /** Values in memory, where a cache of the namespace wants that. */
  l1: L1 | undefined;
  /** Invalidations of this thread so far. */
  orders = 0;
  /** The server does not say who it is. */
  isAnonymous = false;
  /** Redis was away since the generation was raised last: where servers do not say who they are, that must do. */
  sawOutage = false;
  /** The server is part of a cluster: keys of several slots are asked for one by one. */
  isScattered = false;
  readonly #zones = new WeakMap<object, Zone>();
  readonly #hints = new Map<string, readonly string[]>();
  #hinted = 0;

  constructor(namespace: string, prefix: string) {
    this.names = new Names(namespace, prefix);
    this.notices = new Notices(this.names);
    this.journal = new Journal(this.names);
    this.recent = new Recent(this.names);
  }

  zone(scope: object): Zone {
    let zone = this.#zones.get(scope);
    if (zone === undefined) {
      zone = new Zone();
      this.#zones.set(scope, zone);
    }
    return zone;
  }

  /** The tags that an entry had when it was last seen: with them one question is enough to judge it. */
  hint(entry: string): readonly string[] | undefined {
    return this.#hints.size === 0 ? undefined : this.#hints.get(entry);
  }

  remember(entry: string, tags: readonly string[]): void {
    this.#forget(entry);
    if (tags.length === 0) return;
    this.#hints.set(entry, tags);
    this.#hinted += sizeOf(entry, tags);
    for (const oldest of this.#hints.keys()) {
      if (this.#hints.size <= MOST_HINTS && this.#hinted <= MOST_HINTED) break;
      this.#forget(oldest);
    }
  }

  #forget(entry: string): void {
    const tags = this.#hints.get(entry);
    if (tags === undefined) return;
    this.#hints.delete(entry);
    this.#hinted -= sizeOf(entry, tags);
  }

  /** Nobody has a cache of it any more, and nobody has to be told anything. */
  isUnused(now: number): boolean {
    return this.journal.size === 0 && !this.replays.isHeld && this.recent.latest < now - MINDED;
  }
}

const sizeOf = (entry: string, tags: readonly string[]): number =>
  tags.reduce((sum, tag) => sum + tag.length, entry.length);

/** The space of a namespace. A client without a target has one of its own. */
export function spaceOf(inside: Inside, namespace: string, prefix: string): Space {
  if (inside.identity === undefined) return new Space(namespace, prefix);
  const global = globalThis as { [key]?: Map<string, Space> };
  if (global[key] === undefined) {
    Object.defineProperty(globalThis, key, { value: new Map(), configurable: true, enumerable: false, writable: true });
  }
  const spaces = global[key] as unknown as Map<string, Space>;
  const name = `${prefix}\n${namespace}\n${inside.identity}`;
  let space = spaces.get(name);
  if (space === undefined) {
    if (spaces.size >= MOST_SPACES) letGo(spaces, inside.now());
    space = new Space(namespace, prefix);
    spaces.set(name, space);
  }
  return space;
}

/** Not each time: as many may be made again first as there are. */
function letGo(spaces: Map<string, Space> & { next?: number }, now: number): void {
  if (spaces.size < (spaces.next ?? 0)) return;
  for (const [name, space] of spaces) if (space.isUnused(now)) spaces.delete(name);
  spaces.next = Math.max(MOST_SPACES, 2 * spaces.size);
}
