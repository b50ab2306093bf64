/**
 * The requests of an isolate that use edgis, by when they did last. Which of them is here now is looked up where the runtime
 * has a token for it, and otherwise found by asking them: the answer is immediate for the right one, and takes some 12 µs
 * for another, since the runtime makes an error for it. What was looked up is asked as well.
 */
import type { Engine } from "./engine.js";
import { Guard, givenUp } from "./guard.js";
import type { Link } from "./link.js";
import { type Owed, Presence } from "./presence.js";
import { Scope } from "./scope.js";
import type { Argument } from "./stage.js";

/** Of those that wait for nothing of ours so many are asked at the most: a link in vain costs more than that… */
const ASKED = 256;
/** …but only so few where whoever is not found by then is new nearly always… */
const ASKED_IN_VAIN = 4;
/** …which is found out anew each so many times. */
const SAMPLE = 16;
/** Those that wait for a reply hardly do anything else. */
const ASKED_OF_WAITING = 2;
/**
 * Where there are tokens, whoever is not known by one is new, unless it is an object, of which each event has another token.
 * So many are asked at the most: objects first, and others now and then.
 */
const ASKED_BESIDE_TOKENS = 8;
/** …of which there are so many. */
const OTHERS = 2;
/** Where whoever is not known by a token was found as seldom as this, the one that was used last is not asked any more. */
const LITTLE_LUCK = 0.1;
/** A token that was given to several requests this often is none. */
const LIES = 8;
/** What beats no more may have ended: so many of it are remembered. */
const MOST_DORMANT = 500;
/** Milliseconds between two looks for requests that are over. */
const SWEEP = 20;

type Mark = () => () => boolean;

/** What the client of a handle is to requests. */
interface Sender {
  send(args: readonly Argument[]): Promise<unknown>;
}

interface Logger {
  warn(text: string): void;
}

export class Requests {
  readonly #engine: Engine;
  readonly #mark: Mark;
  readonly #scopes = new Map<Presence, Scope>();
  readonly #byToken = new WeakMap<object, Presence>();
  #newest: Presence | undefined;
  #count = 0;
  #swept = 0;
  /** How often the one that is here was known, lately. */
  #luck = 0.5;
  #searches = 0;
  /** How often what was looked up was another. */
  #lies = 0;
  /** The neighbour of the one that was found last. */
  #next: Presence | undefined;
  /** Signs of life that were due until then have been given. */
  #served = 0;
  /** How often requests were asked whether they are here, and were not. */
  misses = 0;
  /** Writes that the runtime has refused, because their link was another request's. */
  refusals = 0;

  constructor(engine: Engine, mark: Mark) {
    this.#engine = engine;
    this.#mark = mark;
  }

  /** Nobody has been told apart from another yet: there was one request so far, or nothing tells them apart here. */
  get isDoubtful(): boolean {
    return this.misses === 0;
  }

  /** Nothing tells requests apart here: no tick uses what another has opened. */
  get isApart(): boolean {
    return this.refusals > 0;
  }

  /** How many are known. */
  get size(): number {
    return this.#scopes.size;
  }

  /** The request that is here, if it has used edgis before. */
  known(): Scope | undefined {
    if (this.isDoubtful || this.isApart) {
      const flow = this.#engine.runtime.flow?.();
      if (flow instanceof Scope && !flow.isOver) return flow;
    }
    if (this.isApart) return this.#ofThisTick();
    const token = this.#lies < LIES ? this.#engine.runtime.token?.() : undefined;
    const named = token && this.#byToken.get(token);
    if (named !== undefined && this.#scopes.has(named) && !this.#isTooLate(named)) {
      if (named.isHere()) {
        this.#touch(named);
        return this.#scopes.get(named);
      }
      this.#lies += 1;
      this.misses += 1;
    }
    const presence = this.#ask(token !== undefined);
    if (presence === undefined) return undefined;
    if (token !== undefined && named === undefined) this.#name(presence, token);
    this.#touch(presence);
    return this.#scopes.get(presence);
  }

  /** Whoever may be another is not taken for one that has given no sign of life. */
  #isTooLate(presence: Presence): boolean {
    return this.isDoubtful && this.#isOver(presence, this.#engine.now());
  }

  /** What a tick stages is staged without a break: nobody else comes between. */
  #ofThisTick(): Scope | undefined {
    const newest = this.#newest;
    return newest !== undefined && !newest.isSpent && newest.isHere() ? this.#scopes.get(newest) : undefined;
  }

  /**
   * The runtime says that the link which was written to is another request's, though every layer said that it is this one's.
   * The link is left as it is. What was refused is given to the request that is here, when it is certain that the server has
   * got nothing of it and nothing before it waits; and from here on no request uses what another tick has opened.
   */
  refused(link: Link, unsent: boolean): void {
    const { scope } = link.target;
    const { request } = scope;
    if (scope.isOver || request === undefined) return;
    this.refusals += 1;
    if (this.refusals === 1) this.#warn(link);
    const guard = request.lastGuard;
    this.forget(scope, true);
    if (guard === undefined) return;
    const mine = this.#released(request, guard);
    const isAlone = unsent && !request.owesAnything;
    for (const [owed, { handle, args }] of mine) {
      if (isAlone) owed.resolve((handle.client as Sender).send(args));
      else owed.reject(givenUp(owed.command, unsent ? "no" : "maybe"));
    }
  }

  #warn({ target }: Link): void {
    const text =
      "edgis cannot tell requests apart on this runtime: each tick's commands have a connection of their own from now on";
    const advice = "please report it with the version of the runtime, and use scope() of edgis/workerd";
    for (const logger of target.logs.keys()) (logger as Logger).warn(`${text}; ${advice}`);
  }

  /** A command of the tick is overdue: its request is not the one that is here, or nothing reaches it now. */
  #giveUp(scope: Scope, guard: Guard): void {
    const request = scope.request as Presence;
    if (!scope.isOver) this.forget(scope, true);
    for (const [owed] of this.#released(request, guard)) owed.reject(givenUp(owed.command, "maybe"));
  }

  #released(request: Presence, { commands }: Guard): [Owed, Guard["commands"][number]][] {
    const byTag = new Map(commands.map((command) => [command.tag, command]));
    const owed = request.release(new Set(byTag.keys()));
    return owed.map((one) => [one, byTag.get(one.tag) as Guard["commands"][number]]);
  }

  #name(presence: Presence, token: object): void {
    // The runtime makes another when nobody holds this one.
    presence.token = token;
    this.#byToken.set(token, presence);
  }

  /** For what says itself where it begins and ends: one of its own, unless it is certain which request is here. */
  explicit(): Scope {
    return this.isDoubtful || this.isApart ? this.#make() : this.here();
  }

  /** The request that is here. Throws where there is none, as while a module is loaded. */
  here(): Scope {
    return this.known() ?? this.#make();
  }

  #ask(hasToken: boolean): Presence | undefined {
    const newest = this.#newest;
    if (newest === undefined) return undefined;
    if (this.#isTooLate(newest)) return undefined;
    this.#searches += 1;
    const isSample = this.#searches % SAMPLE === 0;
    // The runtime makes an error for each "no"; nobody reads its stack.
    const { stackTraceLimit } = Error;
    // Not by an assignment, which throws where an app has frozen its globals.
    Reflect.set(Error, "stackTraceLimit", 0);
    try {
      if (hasToken) return this.#askBesideTokens(newest, isSample);
      return this.#isHere(newest) ?? this.#askAll(newest.older, isSample);
    } finally {
      Reflect.set(Error, "stackTraceLimit", stackTraceLimit);
    }
  }

  #askBesideTokens(newest: Presence, isSample: boolean): Presence | undefined {
    const isLikely = isSample || this.#luck > LITTLE_LUCK;
    let asked = 0;
    let found: Presence | undefined;
    for (let one: Presence | undefined = newest; one !== undefined && asked < ASKED_BESIDE_TOKENS; one = one.older) {
      if (!(one.isObject || (isSample && asked < OTHERS) || (isLikely && one === newest))) continue;
      asked += 1;
      found = this.#isHere(one);
      if (found !== undefined) break;
    }
    if (asked > 0) this.#luck += (+(found !== undefined) - this.#luck) / 8;
    return found;
  }

  /** Asks the likely ones first, and as many as pays. */
  #askAll(first: Presence | undefined, isSample: boolean): Presence | undefined {
    const now = this.#engine.runtime.now();
    const idle: Presence[] = [];
    const waiting: Presence[] = [];
    for (let presence = first; presence !== undefined; presence = presence.older) {
      if (presence.open > 0) {
        if (waiting.length < ASKED_OF_WAITING) waiting.push(presence);
      } else if (!this.#isOver(presence, now)) idle.push(presence);
    }
    const most = isSample ? ASKED : ASKED_IN_VAIN + ASKED * this.#luck ** 2;
    let found: Presence | undefined;
    let asked = 0;
    for (const presence of likely(idle, this.#next)) {
      if (found !== undefined || asked >= most) break;
      found = this.#isHere(presence);
      asked += 1;
    }
    // Of those that were not asked nobody knows.
    if (found !== undefined || asked === idle.length) this.#luck += (+(found !== undefined) - this.#luck) / 8;
    for (let i = 0; i < waiting.length && found === undefined; i += 1) found = this.#isHere(waiting[i] as Presence);
    if (found !== undefined) this.#next = found.newer;
    return found;
  }

  #isHere(presence: Presence): Presence | undefined {
    if (presence.isHere()) return presence;
    this.misses += 1;
    return undefined;
  }

  #isOver(presence: Presence, now: number): boolean {
    return presence.isOverdue(now, this.#served);
  }

  #make(): Scope {
    const isHere = this.#mark();
    this.#sweep();
    this.#count = (this.#count % 0x7fff_ffff) + 1;
    const presence = new Presence(this.#engine.runtime, isHere, {
      idle: () => this.#close(scope),
      served: (due) => {
        this.#served = Math.max(this.#served, due);
      },
      isDoubtful: () => this.isDoubtful,
      guard: () => new Guard(this.#engine, presence, (guard) => this.#giveUp(scope, guard)),
    });
    const scope: Scope = new Scope(this.#engine, this.#count, presence);
    // Where there is no request this throws as well.
    scope.arm(Number.POSITIVE_INFINITY);
    this.#scopes.set(presence, scope);
    if (presence.token !== undefined) this.#byToken.set(presence.token, presence);
    // It is nobody's after this tick, whether or not something is staged.
    if (this.isApart) presence.gather(() => {});
    this.#push(presence);
    return scope;
  }

  /** The code of this request runs now. */
  use({ request }: Scope): void {
    if (request !== undefined && this.#scopes.has(request)) this.#touch(request);
  }

  #touch(presence: Presence): void {
    presence.use(this.#engine.now());
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
    if (this.#next === presence) this.#next = newer ?? older;
    presence.newer = presence.older = undefined;
  }

  #sweep(): void {
    const now = this.#engine.runtime.now();
    if (now - this.#swept < SWEEP) return;
    this.#swept = now;
    const dormant: Scope[] = [];
    for (const [presence, scope] of this.#scopes) {
      if (this.#isOver(presence, now)) this.forget(scope, true);
      else if (presence.beatAt === Number.POSITIVE_INFINITY) dormant.push(scope);
    }
    for (const scope of dormant.slice(0, Math.max(0, dormant.length - MOST_DORMANT))) this.forget(scope, true);
  }

  /** A link or a target of a request is gone: when it was the last, the request has no use for a timer. */
  emptied(scope: Scope): void {
    this.#engine.runtime.defer(() => {
      const { request } = scope;
      if (scope.isOver || request === undefined || request.open > 0 || request.runs > 0) return;
      if (scope.links.size > 0) return;
      this.forget(scope, true);
      scope.clear();
    });
  }

  /** Forgets a request without touching what belongs to it. `inCore`: the core lives, and is to forget it too. */
  forget(scope: Scope, inCore: boolean): void {
    const engine = this.#engine;
    const request = scope.request as Presence;
    scope.isOver = true;
    this.#scopes.delete(request);
    this.#unlink(request);
    request.seats.clear();
    const links = [...scope.links];
    for (const link of links) engine.links.delete(link.abandon());
    for (const target of scope.targets) engine.targets.delete(target.id);
    const waits = request.open > 0;
    // From here on nothing settles its promises.
    request.leave(links, []);
    if (waits)
      request.leave(
        links,
        engine.pending.disown((handle) => handle.target.scope === scope),
      );
    if (inCore) engine.query((core) => core.calls.forget(scope.id));
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

/**
 * Requests that wait for the same go on in the order in which they began to, or in the opposite one. So those come first
 * that did edgis's work just after, and just before, the one that was found last; and who did it first of all, and last.
 */
function* likely(idle: Presence[], next: Presence | undefined): Generator<Presence> {
  const around = next === undefined ? 0 : idle.indexOf(next);
  const asked = new Set<number>();
  for (let i = 0; asked.size < idle.length; i += 1) {
    for (const at of [around - i, around + 1 + i, idle.length - 1 - i, i]) {
      const presence = idle[at];
      if (presence === undefined || asked.has(at)) continue;
      asked.add(at);
      yield presence;
    }
  }
}
