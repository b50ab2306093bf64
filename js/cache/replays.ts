/**
 * Makes up for a journal as soon as that can be done, with no command to ask for it; and after each change of links finds out
 * whether another server has to be told what the last one was. The journal belongs to a namespace of a target, so whoever of
 * its clients lives does it.
 */
import type { Inside } from "../client/inside.js";
import type { Target } from "../loop/target.js";
import type { Watcher } from "../loop/watchers.js";
import type { Gate } from "./gate.js";
import { insist } from "./insist.js";
import type { Sender } from "./sender.js";
import type { Space } from "./space.js";

/** Pauses between two attempts, in milliseconds. */
const FIRST_PAUSE = 30;
const LONGEST_PAUSE = 2_000;
/** Of a probe of a server that did not answer in time. */
const PATIENCE = 1_000;

/** Has a way to the server. */
export interface Party {
  readonly sender: Sender;
  readonly gate: Gate;
}

export class Replays implements Watcher {
  readonly #space: Space;
  /** Held by their caches. */
  readonly #parties = new Set<WeakRef<Party>>();
  #target: Target | undefined;
  /** Does it at the moment. */
  #party: Party | undefined;

  constructor(space: Space) {
    this.#space = space;
  }

  join(party: Party): void {
    // With compatibility dates before May 2025 Workers have none; there, a cache lives as long as its isolate as a rule.
    const strong = { deref: () => party } as unknown as WeakRef<Party>;
    this.#parties.add(typeof WeakRef === "undefined" ? strong : new WeakRef(party));
    const { isScoped, target } = party.sender.inside;
    // Timers of a request end with it: there, the next read makes up for the journal.
    if (isScoped || target === undefined || target === this.#target) return;
    this.#target = target;
    target.watchers.add(new WeakRef(this));
    // Those of a client that is closed by now may have left something.
    this.soon();
  }

  /** Whether any client is left that could. */
  get isAlive(): boolean {
    return this.#someone() !== undefined;
  }

  /** Whether there is a cache, of a client that may be closed. */
  get isHeld(): boolean {
    for (const reference of this.#parties) if (reference.deref() !== undefined) return true;
    return this.#party !== undefined;
  }

  linked(): void {
    this.soon();
  }

  invalidated(): void {}

  moved({ state }: Target): void {
    if (state !== "connecting") this.soon();
  }

  /** A client is about to be closed: what is in the journal is made up for as soon as the server takes it. */
  owed(milliseconds: number): Promise<void> | undefined {
    const party = this.#someone();
    if (this.#space.journal.size === 0 || party === undefined) return undefined;
    this.soon();
    return this.#hurry(party.sender.inside, milliseconds);
  }

  async #hurry(inside: Inside, milliseconds: number): Promise<void> {
    const until = inside.now() + milliseconds;
    for (let left = milliseconds; left > 0; left = until - inside.now()) {
      await this.#act(inside);
      if (this.#space.journal.size === 0) return;
      // Whoever closes awaits it: without this the process might end before.
      await new Promise<void>((resolve) => inside.setTimer(resolve, Math.min(left, FIRST_PAUSE)).hold(true));
    }
  }

  /** Begins, unless it has, or has nothing to do. */
  soon(): void {
    const { journal, recent } = this.#space;
    if (this.#party !== undefined || (journal.size === 0 && recent.isEmpty)) return;
    const party = this.#someone();
    if (party === undefined) return;
    this.#party = party;
    const { inside } = party.sender;
    const { now, setTimer } = inside;
    const target = inside.target as Target;
    const isReady = () => this.#party?.sender.isReady ?? false;
    this.#in(inside, FIRST_PAUSE, insist({ target, now, setTimer, isReady }));
  }

  #someone(): Party | undefined {
    for (const reference of this.#parties) {
      const party = reference.deref();
      if (party === undefined) this.#parties.delete(reference);
      else {
        const { isScoped, state, target } = party.sender.inside;
        if (!isScoped && target !== undefined && state !== "closed") return party;
      }
    }
    return undefined;
  }

  #in(inside: Inside, pause: number, stop: () => void): void {
    const act = async () => {
      await this.#act(inside);
      // At once after it is known that nothing is left to do: what comes later finds that nobody is at it.
      const isDone = this.#isDone(inside);
      this.#party = isDone ? undefined : this.#someone();
      // Without a client there is no connection to make up with; another one's first use begins anew.
      if (this.#party === undefined) stop();
      else this.#in(inside, Math.min(LONGEST_PAUSE, 1.5 * pause), stop);
    };
    inside.setTimer(act, pause * (0.75 + Math.random() / 2));
  }

  async #act(inside: Inside): Promise<void> {
    const party = this.#party ?? this.#someone();
    if (party === undefined) return;
    const { sender, gate } = party;
    const space = this.#space;
    const { journal, breaker } = space;
    const { scope } = inside;
    if (scope === undefined) return;
    const zone = space.zone(scope);
    breaker.look(inside.now(), () => sender.answers(PATIENCE));
    for (let before = Number.POSITIVE_INFINITY; inside.state === "ready" && !breaker.isOpen; ) {
      await gate.open(zone, scope, sender.nextEpoch);
      if (journal.size === 0 || journal.size >= before) break;
      before = journal.size;
    }
  }

  #isDone({ scope, state, epoch }: Inside): boolean {
    const { journal, recent } = this.#space;
    if (journal.size > 0) return false;
    if (recent.isEmpty) return true;
    const { gate } = this.#party as Party;
    return state === "ready" && scope !== undefined && gate.hasMet(this.#space.zone(scope), epoch);
  }
}
