/** Gives up entries, and says truly what became of that. */
import { ConnectionLostError, DisabledError } from "../core/errors.js";
import type { Gate } from "./gate.js";
import type { Operation } from "./journal.js";
import type { CacheKey } from "./keys.js";
import type { Settings } from "./options.js";
import { mayBeExecuted, type Sender } from "./sender.js";
import type { Space } from "./space.js";
import type { CacheStats, Invalidation, JournalEntry, Outcome } from "./types.js";

/** An invalidation is worth waiting for longer than a read. */
const BUDGET = 1_000;
/** Links that are replaced again and again are not waited for. */
const ATTEMPTS = 3;

/** What is given up, and as what the caller knows it. */
export interface Order {
  readonly operation: Operation;
  readonly given: CacheKey | string | undefined;
}

const RANK: readonly Outcome[] = ["applied", "journaled", "unknown", "dropped"];
const worse = (a: Outcome, b: Outcome): Outcome => (RANK.indexOf(a) > RANK.indexOf(b) ? a : b);

interface Result {
  readonly outcome: Outcome;
  readonly error?: unknown;
}

export class Invalidations {
  readonly #sender: Sender;
  readonly #space: () => Space;
  readonly #gate: () => Gate;
  readonly #settings: Settings;
  readonly #counts: CacheStats;

  constructor(sender: Sender, space: () => Space, gate: () => Gate, settings: Settings, counts: CacheStats) {
    this.#sender = sender;
    this.#space = space;
    this.#gate = gate;
    this.#settings = settings;
    this.#counts = counts;
  }

  /**
   * Gives up all that is ordered. What is not applied at once is kept in the journal, before this resolves.
   *
   * @throws (as a rejection) where `required`: why it was not applied
   */
  async apply(orders: readonly Order[], required: boolean): Promise<Invalidation> {
    const gate = this.#gate();
    return this.outcome(
      orders,
      orders.map((order) => this.#send(order, (operation) => gate.apply(operation, this.#sender.within(BUDGET)))),
      required,
    );
  }

  /** The outcome of what was sent for orders, in their order. */
  async outcome(orders: readonly Order[], sent: readonly Promise<Result>[], required: boolean): Promise<Invalidation> {
    let outcome: Outcome = "applied";
    let reason: unknown;
    for (const [i, result] of (await Promise.all(sent)).entries()) {
      if (result.outcome === "applied") continue;
      outcome = worse(outcome, this.#keep(orders[i] as Order, result.outcome));
      reason ??= result.error;
    }
    this.#counts.invalidations[outcome] += 1;
    if (outcome !== "applied") {
      this.#space().replays.soon();
      await this.#space().turns.next(this.#sender.inside);
      if (required) throw reason;
    }
    return { outcome };
  }

  /** Sends what gives up an entry, by whatever `send` does, and says how far it came. */
  async #send({ operation }: Order, send: (operation: Operation) => Promise<unknown>): Promise<Result> {
    return this.attempt(() => send(operation), operation);
  }

  /** `operation`: what is given up by it. */
  async attempt(send: () => Promise<unknown>, operation?: Operation): Promise<Result> {
    const { inside, isReady } = this.#sender;
    if (inside.identity === undefined) {
      if (inside.state !== "closed") return { outcome: "dropped", error: away("the client has no connection to use") };
      // Another client of the target, if there is one, makes up for it.
      if (!this.#space().replays.isAlive) throw away("the client is closed", "closed");
      return { outcome: "journaled", error: away("the client is closed", "closed") };
    }
    if (this.#space().breaker.isOpen) return { outcome: "journaled", error: away("Redis does not answer in time") };
    if (!isReady && inside.state === "disabled") {
      return { outcome: "journaled", error: away("there is no connection to Redis") };
    }
    const start = inside.now();
    const space = this.#space();
    for (let attempt = 1; ; attempt += 1) {
      const epoch = this.#sender.nextEpoch;
      // Before it: if another server is there, that must also be told what the last one was.
      if (inside.scope !== undefined) this.#gate().meet(space.zone(inside.scope), epoch);
      try {
        await send();
        if (inside.epoch === epoch) {
          if (operation !== undefined) space.recent.add(operation, inside.now());
          return { outcome: "applied" };
        }
        // The link that it was acknowledged on may have been replaced, by one to another server.
        if (attempt === ATTEMPTS || inside.now() - start >= BUDGET) return { outcome: "journaled", error: replaced() };
      } catch (error) {
        // What was answered with an error was executed as far as it goes, and did not do what it should.
        const isAnswered = (error as { sent?: unknown }).sent === "yes";
        if (isAnswered) space.notices.refused(inside, this.#settings.namespace, "invalidates", error);
        if (!isAnswered && epoch === inside.epoch && (error as { kind?: unknown }).kind === "TimeoutError") {
          space.breaker.trip(inside.now());
        }
        return { outcome: mayBeExecuted(error) && !isAnswered ? "unknown" : "journaled", error };
      }
    }
  }

  #keep(order: Order, outcome: Outcome): Outcome {
    const isKept = outcome !== "dropped" && this.#space().journal.add(order.operation, this.#settings.maxJournal);
    const kept = isKept ? outcome : "dropped";
    this.#hand(order, kept as JournalEntry["outcome"]);
    return kept;
  }

  #hand({ operation: { kind }, given }: Order, outcome: JournalEntry["outcome"]): void {
    const { onJournal, namespace } = this.#settings;
    if (onJournal === undefined) return;
    const what = kind === "key" ? { key: given as CacheKey } : kind === "tag" ? { tag: given as string } : {};
    try {
      const result: unknown = onJournal({ namespace, kind, outcome, ...what });
      // What it does with it is its own affair; but its failure must not end a process because Redis is away.
      Promise.resolve(result).catch(() => {});
    } catch {
      // As above.
    }
  }
}

const replaced = (): ConnectionLostError =>
  new ConnectionLostError("the invalidation was acknowledged on a connection that has been replaced since", "lost", {
    sent: "maybe",
    retry: true,
  });

const away = (text: string, reason = "disabled"): DisabledError =>
  new DisabledError(`the invalidation was not applied: ${text}`, reason, { sent: "no", retry: reason === "disabled" });
