/**
 * What must be true before an entry is believed: the data of the server are those that the namespace was last written on, or
 * its older entries have been given up; and what this process could not invalidate has been, as far as it concerns the entry.
 * Both are asked for in the same tick as the entry, and stand before it on the link, so that they cost no round trip.
 *
 * A new link asks who is there before anything is believed. So does one that lives on, once a second: a server may be made a
 * replica, and a primary again, without its links being closed.
 */
import { ReadFailure, reasonOf } from "./failure.js";
import type { Attempt, Operation } from "./journal.js";
import { FENCE, FENCED } from "./scripts.js";
import type { Sender, View } from "./sender.js";
import type { Data } from "./servers.js";
import type { Fenced, Space, Zone } from "./space.js";

/** A fence or a replay that takes longer is tried again. */
const PATIENCE = 1_000;
/** For so long a link that lives on is believed to lead where it led. */
const FRESH = 1_000;
/** Whose data a namespace is on is remembered for so long at least, and for as long as its generation lives. */
const IDENTITY_LIFE = 86_400_000;

export interface GateCounts {
  replayed: number;
  fenced: number;
}

export class Gate {
  readonly #sender: Sender;
  readonly #space: Space;
  readonly #trust: boolean;
  readonly #maxJournal: number;
  readonly #counts: GateCounts;

  constructor(sender: Sender, space: Space, trust: boolean, maxJournal: number, counts: GateCounts) {
    this.#sender = sender;
    this.#space = space;
    this.#trust = trust;
    this.#maxJournal = maxJournal;
    this.#counts = counts;
  }

  /**
   * Stages what is needed on that link. Undefined when nothing is. Otherwise never rejects, and settles within a second: with
   * `open` when what is staged right behind it may be believed if it was answered on the same link, but for what the journal
   * still blocks (`Journal.blockers`).
   */
  open(zone: Zone, scope: object, epoch: number): Promise<Fenced> | undefined {
    const { journal } = this.#space;
    const fence = this.#isKnown(zone, epoch) ? undefined : this.#fence(zone, epoch);
    const replay = journal.size === 0 ? undefined : this.replay(scope, epoch);
    if (replay === undefined) return fence;
    return Promise.all([fence, replay]).then(([fenced = "open"]) => fenced);
  }

  /** Finds out who is there, if that is not known: another server has to be told what the last one was. */
  meet(zone: Zone, epoch: number): void {
    if (!this.#isKnown(zone, epoch)) this.#fence(zone, epoch);
  }

  #isKnown(zone: Zone, epoch: number): boolean {
    // What is there is believed, whoever has it.
    if (this.#trust) return true;
    if (zone.fenced !== epoch) return false;
    const now = this.#sender.inside.now();
    if (now - zone.fencedAt < FRESH) return true;
    if (!this.#space.isAnonymous) return false;
    // There is nothing to ask it for; that the link lives on must do.
    this.#space.recent.confirm(now);
    zone.fencedAt = now;
    return true;
  }

  /** Whether the server behind this link has been told all that another one was told of late. */
  hasMet(zone: Zone, epoch: number): boolean {
    return this.#trust || zone.fenced === epoch;
  }

  #fence(zone: Zone, epoch: number): Promise<Fenced> {
    if (zone.fencing?.epoch === epoch) return zone.fencing.done;
    const done = this.#askServer(zone, epoch).finally(() => {
      if (zone.fencing?.done === done) zone.fencing = undefined;
    });
    zone.fencing = { epoch, done };
    return done;
  }

  async #askServer(zone: Zone, epoch: number): Promise<Fenced> {
    const { inside } = this.#sender;
    const isNewLink = zone.fenced !== epoch;
    const askedAt = inside.now();
    try {
      const [status, id, offset] = await this.#ask(isNewLink);
      if (inside.epoch !== epoch) return "again";
      const data = id === undefined ? undefined : { id, offset: offset === undefined ? undefined : Number(offset) };
      const fenced = await this.#judge(zone, Number(status), data, isNewLink, askedAt);
      if (inside.epoch !== epoch) return "again";
      zone.fenced = epoch;
      zone.fencedAt = askedAt;
      return fenced;
    } catch (error) {
      const reason = reasonOf(error);
      return new ReadFailure(reason === "error" ? "fence" : reason, error);
    }
  }

  /** Whole on a new link: a hash that the server does not know would cost the order. Later it only tells. */
  #ask(isNewLink: boolean): Promise<readonly [status: number, id?: string, offset?: string]> {
    const view = this.#sender.within(PATIENCE);
    const { generation, identity } = this.#space.names;
    const keys = [generation, identity];
    const args = [IDENTITY_LIFE, this.#space.servers.last ?? ""];
    const asked = isNewLink
      ? view.callAll(["EVAL", FENCE.text, 2, ...keys, ...args])
      : this.#sender.run(view, FENCE, keys, args);
    return asked as Promise<never>;
  }

  async #judge(
    zone: Zone,
    status: number,
    data: Data | undefined,
    isNewLink: boolean,
    askedAt: number,
  ): Promise<Fenced> {
    const { inside } = this.#sender;
    const space = this.#space;
    const { servers } = space;
    if (status === FENCED.replica) throw new Error("the server is a replica, which may lag behind and takes no fills");
    if (data === undefined) {
      // Nothing tells whether it is the same server: an outage must do.
      const sawOutage = space.sawOutage || (!inside.isScoped && zone.fenced > 0);
      space.isAnonymous = true;
      space.notices.anonymous(inside, space.names.namespace);
      space.sawOutage = false;
      if (!isNewLink || !sawOutage) return "open";
      await this.#giveUpAll();
      return "again";
    }
    const kinship = servers.judge(data, askedAt);
    let fenced: Fenced = "open";
    if (status === FENCED.other) {
      this.#counts.fenced += 1;
      // What was read on a link that lives on was read before this was known.
      if (!isNewLink) fenced = "again";
    } else if (kinship === "back" || kinship === "older") {
      await this.#giveUpAll();
      fenced = "again";
    }
    if (kinship === "same") space.recent.confirm(askedAt);
    // Somebody else has found these data first, and may have stored since what this process has told the others.
    else if (kinship === "other" && status === FENCED.same && this.#makeUp()) fenced = "again";
    servers.believe(data, askedAt, inside.now());
    space.sawOutage = false;
    return fenced;
  }

  async #giveUpAll(): Promise<void> {
    await this.#sender.within(PATIENCE).call("DEL", this.#space.names.generation);
    this.#counts.fenced += 1;
  }

  /** What was told another server of late has to be told this one, before anything is read. False: nothing was. */
  #makeUp(): boolean {
    const { journal, recent } = this.#space;
    const { operations } = recent;
    for (const operation of operations) journal.add(operation, this.#maxJournal);
    return operations.length > 0;
  }

  /** Makes up for what is in the journal, as far as it is not on its way; settles when that has been answered. */
  replay(scope: object, epoch: number): Promise<unknown> | undefined {
    const { inside } = this.#sender;
    const view = this.#sender.within(PATIENCE);
    return this.#space.journal.replay(scope, epoch, inside.now(), (operation) =>
      this.apply(operation, view).then(
        (): Attempt => {
          // A link that has been replaced may lead to a server that is no more the one that reads are answered by.
          if (inside.epoch !== epoch) return "failed";
          this.#space.recent.add(operation, inside.now());
          this.#counts.replayed += 1;
          return "applied";
        },
        (error): Attempt => ((error as { sent?: unknown }).sent === "yes" ? "refused" : "failed"),
      ),
    );
  }

  /**
   * Gives up what the operation says. Rejects with what the command rejects with. Plain commands: what is staged behind them
   * comes after them.
   */
  async apply({ kind, name }: Operation, view: View): Promise<void> {
    const { names } = this.#space;
    if (kind === "key") await view.call("DEL", names.entry(name), names.lease(name));
    else if (kind === "clear") await view.call("DEL", names.generation);
    else {
      // Before the tag: who has read the tag's new generation also finds that the sequence has changed.
      const sequence = view.call("DEL", names.sequence);
      await Promise.all([sequence, view.call("DEL", names.tag(name))]);
    }
  }
}
