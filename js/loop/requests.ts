/**
 * The requests of an isolate that use edgis, by when they did last. Which of them is here now is found by asking them:
 * the answer is immediate for the right one, and takes some 12 µs for another, since the runtime makes an error for it.
 */
import type { Engine } from "./engine.js";
import { Presence } from "./presence.js";
import { Scope } from "./scope.js";

/** Of those that wait for nothing of ours, so many are asked… */
const ASKED = 32;
/** …and of those that wait for a reply, and so hardly do anything else. */
const ASKED_OF_WAITING = 4;
/** Milliseconds between two looks for requests that are over. */
const SWEEP = 20;

type Mark = () => () => boolean;

export class Requests {
  readonly #engine: Engine;
  readonly #mark: Mark;
  readonly #scopes = new Map<Presence, Scope>();
  #newest: Presence | undefined;
  #count = 0;
  #swept = 0;
  /** How often requests were asked whether they are here, and were not. */
  misses = 0;

  constructor(engine: Engine, mark: Mark) {
    this.#engine = engine;
    this.#mark = mark;
  }

  /** How many are known. */
  get size(): number {
    return this.#scopes.size;
  }

  /** The request that is here, if it has used edgis before. */
  known(): Scope | undefined {
    let presence = this.#newest;
    if (presence === undefined || presence.isHere()) return this.#scopes.get(presence as Presence);
    presence = this.#ask(presence.older);
    if (presence !== undefined) this.#touch(presence);
    return this.#scopes.get(presence as Presence);
  }

  /** The request that is here. Throws where there is none, as while a module is loaded. */
  here(): Scope {
    return this.known() ?? this.#make();
  }

  #ask(first: Presence | undefined): Presence | undefined {
    const now = this.#engine.runtime.now();
    let [idle, waiting] = [ASKED, ASKED_OF_WAITING];
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    try {
      for (let presence = first; presence !== undefined; presence = presence.older) {
        if (presence.isOverdue(now)) continue;
        if (presence.open > 0 ? waiting-- <= 0 : idle-- <= 0) continue;
        this.misses += 1;
        if (presence.isHere()) return presence;
        if (idle <= 0 && waiting <= 0) break;
      }
      return undefined;
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  }

  #make(): Scope {
    const isHere = this.#mark();
    this.#sweep();
    this.#count = (this.#count % 0x7fff_ffff) + 1;
    const presence = new Presence(this.#engine.runtime, isHere, () => this.#close(scope));
    const scope: Scope = new Scope(this.#engine, this.#count, presence);
    this.#scopes.set(presence, scope);
    this.#push(presence);
    return scope;
  }

  /** The code of this request runs now. */
  use({ request }: Scope): void {
    if (request !== undefined && this.#scopes.has(request)) this.#touch(request);
  }

  #touch(presence: Presence): void {
    presence.lastUsed = this.#engine.runtime.now();
    if (presence === this.#newest) return;
    this.#unlink(presence);
    this.#push(presence);
  }

  #push(presence: Presence): void {
    presence.older = this.#newest;
    if (this.#newest !== undefined) this.#newest.newer = presence;
    this.#newest = presence;
  }

  #unlink(presence: Presence): void {
    const { newer, older } = presence;
    if (newer !== undefined) newer.older = older;
    if (older !== undefined) older.newer = newer;
    if (this.#newest === presence) this.#newest = older;
    presence.newer = presence.older = undefined;
  }

  #sweep(): void {
    const now = this.#engine.runtime.now();
    if (now - this.#swept < SWEEP) return;
    this.#swept = now;
    for (const [presence, scope] of this.#scopes) if (presence.isOverdue(now)) this.forget(scope, true);
  }

  /** Forgets a request without touching what belongs to it. `inCore`: the core lives, and is to forget it too. */
  forget(scope: Scope, inCore: boolean): void {
    const engine = this.#engine;
    const request = scope.request as Presence;
    scope.isOver = true;
    this.#scopes.delete(request);
    this.#unlink(request);
    request.seats.clear();
    const links = [...engine.links.values()].filter((link) => link.target.scope === scope);
    for (const link of links) engine.links.delete(link.abandon());
    for (const target of engine.targets.values()) if (target.scope === scope) engine.targets.delete(target.id);
    const waits = request.open > 0;
    // From here on nothing settles its promises.
    request.leave(links, []);
    if (waits)
      request.leave(
        links,
        engine.pending.disown((handle) => handle.target.scope === scope),
      );
    if (inCore) engine.core.calls.forget(scope.id);
  }

  /** The core is dead: only who is here can be told. */
  forgetOthers(): void {
    for (const [presence, scope] of this.#scopes) if (presence !== this.#newest) this.forget(scope, false);
  }

  /** Closes what a request has, which is here. */
  #close(scope: Scope): void {
    this.forget(scope, true);
    scope.request?.bury();
  }
}
