/**
 * What must be true before an entry is believed: the server is the one that the namespace was last written on, or its older
 * entries have been given up; and what this process could not invalidate has been. Both are asked for in the same tick as the
 * entry, and stand before it on the link, so that they cost no round trip.
 */
import { ReadFailure, reasonOf } from "./failure.js";
import type { Journal, Operation } from "./journal.js";
import { FENCE, RAISE } from "./scripts.js";
import type { Sender, View } from "./sender.js";
import type { Fenced, Space, Zone } from "./space.js";

/** A fence or a replay that takes longer is tried again. */
const PATIENCE = 1_000;
/** A tag's generation outlives its entries; one that is raised is remembered for so long. Without it they are misses. */
const TAG_LIFE = 7 * 86_400_000;

const FENCED = { unknown: 0, same: 1 };

export interface GateCounts {
  replayed: number;
  fenced: number;
}

export class Gate {
  readonly #sender: Sender;
  readonly #space: Space;
  readonly #trust: boolean;
  readonly #counts: GateCounts;

  constructor(sender: Sender, space: Space, trust: boolean, counts: GateCounts) {
    this.#sender = sender;
    this.#space = space;
    this.#trust = trust;
    this.#counts = counts;
  }

  /**
   * Stages what is needed on that link. Undefined when nothing is. Otherwise never rejects, and settles within a second: with
   * `open` when what is staged right behind it may be believed if it was answered on the same link.
   */
  open(zone: Zone, scope: object, epoch: number): Promise<Fenced> | undefined {
    const { journal } = this.#space;
    const fence = this.#trust || zone.fenced === epoch ? undefined : this.#fence(zone, epoch);
    const replay = journal.size === 0 ? undefined : this.replay(journal, scope, epoch);
    if (fence === undefined && replay === undefined) return undefined;
    return Promise.all([fence, replay]).then(([fenced = "open", all]) => {
      return typeof fenced === "string" && all === false ? new ReadFailure("journal") : fenced;
    });
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
    const { generation, runId } = this.#space.names;
    const view = this.#sender.within(PATIENCE);
    const sawOutage = this.#space.sawOutage || (!inside.isScoped && zone.fenced > 0);
    try {
      // Whole: once a link that is no cost, and a hash that the server does not know would cost the order.
      const [status, server] = (await view.callAll(["EVAL", FENCE.text, 2, generation, runId])) as [number, string?];
      const reply = Number(status);
      if (inside.epoch !== epoch) return "again";
      let fenced: Fenced = "open";
      const isBack = server !== undefined && this.#space.isBack(server);
      if (reply === FENCED.unknown || (reply === FENCED.same && isBack)) {
        if (isBack || sawOutage) {
          await this.#sender.run(view, RAISE, [generation], [0]);
          this.#counts.fenced += 1;
          fenced = "again";
        }
      } else if (reply !== FENCED.same) this.#counts.fenced += 1;
      if (inside.epoch !== epoch) return "again";
      zone.fenced = epoch;
      if (server !== undefined) this.#space.believes(server);
      this.#space.sawOutage = false;
      return fenced;
    } catch (error) {
      const reason = reasonOf(error);
      return new ReadFailure(reason === "error" ? "fence" : reason, error);
    }
  }

  /** Makes up for what is in the journal; true when all of it is acknowledged on that link. */
  replay(journal: Journal, scope: object, epoch: number): Promise<boolean> {
    const view = this.#sender.within(PATIENCE);
    return journal.replay(scope, epoch, (operation) =>
      this.apply(operation, view).then(
        () => {
          this.#counts.replayed += 1;
          return true;
        },
        () => false,
      ),
    );
  }

  /** Gives up what the operation says. Rejects with what the command rejects with. */
  async apply({ kind, name }: Operation, view: View): Promise<void> {
    const { names } = this.#space;
    if (kind === "key") await view.call("DEL", names.entry(name), names.lease(name));
    else if (kind === "clear") await this.#sender.run(view, RAISE, [names.generation], [0]);
    else {
      // Before the tag: who has read the tag's new generation also finds that the sequence has changed.
      const sequence = view.call("SET", names.sequence, unique());
      const raise = this.#sender.run(view, RAISE, [names.tag(name)], [TAG_LIFE]);
      await Promise.all([sequence, raise]);
    }
  }
}

let seed: string | undefined;
let drawn = 0;

/** A text that no other call gives, of no other process either. Not before there was a use for it: it draws a random number. */
export function unique(): string {
  seed ??= Array.from(crypto.getRandomValues(new Uint32Array(3)), (word) => word.toString(36)).join("");
  drawn += 1;
  return `${seed}.${drawn.toString(36)}`;
}
