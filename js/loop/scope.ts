/**
 * Whose input and output it is. On most runtimes there is one scope, the thread. Where sockets, timers and promises belong
 * to the request that made them, each request is one: it has targets, a flush and a timer of its own.
 */
import type { Timer } from "../transport/runtime.js";
import type { Engine } from "./engine.js";
import type { Link } from "./link.js";
import type { Presence } from "./presence.js";
import type { Target } from "./target.js";

const DISABLED = 3;
/** A timer that is so late shows that nothing ran meanwhile: the process was suspended, or its event loop blocked. */
const BLOCKED = 50;
/** What was written right before or after that may still be answered: so many milliseconds are waited for it. */
const GRACE = 50;

export class Scope {
  /** 0 is the thread. */
  readonly id: number;
  /** Where there are requests: what is known of this one. */
  readonly request: Presence | undefined;
  /** It is taken for over: nothing of it is believed any more. */
  isOver = false;
  /** All its targets and links. */
  readonly targets = new Set<Target>();
  readonly links = new Set<Link>();
  /** Targets that are shared, by what was asked for and by what it means. */
  readonly byKey = new Map<string, Target>();
  readonly #engine: Engine;
  #due: Target[] = [];
  #deadline = Number.POSITIVE_INFINITY;
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  /** No deadline is held against anybody before. */
  #graceEnds = 0;

  constructor(engine: Engine, id: number, request?: Presence) {
    this.#engine = engine;
    this.id = id;
    this.request = request;
  }

  /** Commands are staged. */
  schedule(target: Target): void {
    this.#due.push(target);
    if (this.#due.length > 1) return;
    const { runtime } = this.#engine;
    // A caller who tries again at once must not keep the event loop from what would make it ready.
    if (target.stateNumber === DISABLED) runtime.afterPoll(this.flush);
    else if (this.request === undefined) runtime.defer(this.flush);
    else this.request.gather(this.flush);
  }

  /** Hands over what is staged. */
  readonly flush = (): void => {
    const due = this.#due;
    if (due.length === 0) return;
    this.#due = [];
    for (const target of due) {
      const acts = target.beforeFlush;
      if (acts.length > 0) {
        target.beforeFlush = [];
        for (const act of acts) act();
        // Before them nothing was pending, maybe.
        if (!this.#engine.isBusy) this.#engine.balance();
      }
      target.scheduled = false;
      if (!this.#engine.submitAll(target)) return;
    }
  };

  /** Forgets what was due. */
  clear(): void {
    this.#due = [];
    this.disarm();
  }

  /** The core has something to do at that moment, and nothing before. */
  arm(deadline: number): void {
    this.#deadline = deadline;
    const at = Math.min(Math.max(deadline, this.#graceEnds), this.request?.beatAt ?? Number.POSITIVE_INFINITY);
    if (at >= this.#timerAt) return;
    this.disarm();
    this.#timerAt = at;
    const wait = Math.min(2 ** 31 - 1, Math.max(1, Math.ceil(at - this.#engine.now())));
    this.#timer = this.#engine.runtime.setTimer(this.#fired, wait);
    this.holdTimer();
  }

  /** Sets the timer to rest if there is nothing to do: between commands it is left to fire in vain, which costs less. */
  rest(): void {
    // A request's timer is its sign of life as well.
    if (this.request === undefined && this.#deadline === Number.POSITIVE_INFINITY) this.disarm();
  }

  disarm(): void {
    this.#timer?.clear();
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  /** While there is no link the timer alone keeps the process alive for what is pending. */
  holdTimer(): void {
    this.#timer?.hold(this.#engine.isBusy && this.#engine.links.size === 0);
  }

  readonly #fired = (): void => {
    const engine = this.#engine;
    const due = this.#timerAt;
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    if (this.isOver) {
      this.request?.bury();
      return;
    }
    const now = engine.now();
    if (this.request !== undefined && now >= this.request.beatAt && !this.request.alive(now)) return;
    // Once for each deadline.
    if (now - due > BLOCKED && due >= this.#deadline && this.#graceEnds < this.#deadline) this.#graceEnds = now + GRACE;
    if (Math.max(this.#deadline, this.#graceEnds) > now) {
      this.arm(this.#deadline);
      return;
    }
    // Whatever has arrived is read first.
    engine.runtime.afterPoll(() => engine.enter(this, undefined, (core, now) => core.calls.advance(this.id, now)));
  };
}
