/**
 * Commands that end without a reply. There may be a hundred thousand of them at once, when a link dies or a deadline passes:
 * their errors are made without frames, which would tell of the engine alone and cost more than all the rest, and all but the
 * first of them in portions, between which the event loop goes on.
 */
import * as abi from "../core/abi.js";
import type { Status } from "../core/status.js";
import type { Engine } from "./engine.js";
import { died, failure } from "./failures.js";
import type { Handle, Target } from "./target.js";

/** So many are rejected before anything else runs. */
const AT_ONCE = 100;
/** A portion takes so many milliseconds… */
const PORTION = 1;
/** …and the clock is asked after each so many. */
const ASKED = 64;

/** A part of the commands is rejected, the others are still to be: until then they are pending, and may end otherwise. */
interface Portion {
  /** For each its tag, and behind it the words of its row in one. */
  readonly all: readonly number[];
  /** Makes the error of each. */
  readonly explain: (owner: Handle, name: string, word: number) => unknown;
  at: number;
}

// A word holds the kind, whether the server may have seen the command, and the detail.
const wordOf = (kind: number, detail: number, sent: number): number => kind | (sent << 6) | (detail << 8);
const kindOf = (word: number): number => word & 0x3f;

export class Rejections {
  readonly #engine: Engine;
  /** Of the rows that are being read. */
  #fresh: number[] = [];
  #left: Portion[] = [];
  #after: (() => void)[] = [];

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** A command has ended, unless it had before. */
  add(tag: number, kind: number, detail: number, sent: number): void {
    this.#fresh.push(tag, wordOf(kind, detail, sent));
  }

  /**
   * All have been added, as when the rows of a call are read: rejects them, with what `explain` gives, or else by how their
   * targets stand now.
   */
  settle(explain?: () => unknown): void {
    if (this.#fresh.length === 0) return;
    const all = this.#fresh;
    this.#fresh = [];
    if (explain !== undefined) {
      this.#reject(all, explain);
      return;
    }
    const engine = this.#engine;
    const statuses = this.#statuses(all);
    const refusal = (code: number) =>
      (engine.query((core) => core.calls.refusal_text(code)) as string | undefined) ??
      "cannot be sent on a shared connection";
    this.#reject(all, ({ target, policy }, name, word) => {
      const status = statuses.get(target) as Status;
      return failure(target, status, name, policy, kindOf(word), word >>> 8, (word >>> 6) & 3, refusal);
    });
  }

  #statuses(all: readonly number[]): Map<Target, Status> {
    const { pending } = this.#engine;
    const statuses = new Map<Target, Status>();
    let last: Target | undefined;
    for (let at = 0; at < all.length; at += 2) {
      const target = pending.owner(all[at] as number)?.target;
      if (target === last || target === undefined) continue;
      last = target;
      if (!statuses.has(target)) statuses.set(target, this.#engine.statusOf(target));
    }
    return statuses;
  }

  /** The core has died: rejects all that is pending. */
  died(cause: unknown): void {
    this.#fresh = [];
    const all: number[] = [];
    for (const tag of this.#engine.pending.tags()) all.push(tag, 0);
    this.#reject(all, (_, name) => died(name, cause));
  }

  /** Runs `act` once everything that has ended so far is rejected. */
  afterwards(act: () => void): void {
    if (this.#left.length === 0) act();
    else this.#after.push(act);
  }

  #reject(all: readonly number[], explain: Portion["explain"]): void {
    const portion = { all, explain, at: 0 };
    // A request may be over before its timers fire: there, nothing waits.
    const isScoped = this.#engine.requests !== undefined;
    this.#rejectSome(portion, isScoped ? all.length : 2 * AT_ONCE, Number.POSITIVE_INFINITY);
    if (portion.at >= all.length) return;
    this.#left.push(portion);
    if (this.#left.length === 1) this.#engine.runtime.afterPoll(this.#next);
  }

  readonly #next = (): void => {
    const { runtime } = this.#engine;
    const [portion] = this.#left;
    if (portion === undefined) return;
    this.#rejectSome(portion, portion.all.length, runtime.now() + PORTION);
    if (portion.at >= portion.all.length) this.#left.shift();
    if (this.#left.length > 0) {
      runtime.afterPoll(this.#next);
      return;
    }
    this.#engine.balance();
    for (const act of this.#after.splice(0)) act();
  };

  #rejectSome(portion: Portion, most: number, until: number): void {
    const { all, explain } = portion;
    const { pending, runtime } = this.#engine;
    const { stackTraceLimit } = Error;
    limitFrames(0);
    // On Bun an error without frames has no stack at all, which loggers do not expect.
    fewest ??= typeof new Error("").stack === "string" ? 0 : 1;
    const deaths: unknown[] = [];
    limitFrames(fewest);
    try {
      for (const end = Math.min(all.length, portion.at + most); portion.at < end; ) {
        const tag = all[portion.at] as number;
        const word = all[portion.at + 1] as number;
        portion.at += 2;
        const owner = pending.owner(tag);
        if (owner === undefined) continue;
        let error: unknown;
        try {
          error = explain(owner, pending.name(tag), word);
        } catch (cause) {
          // The core has died of being asked: whoever entered it is told when all have their errors.
          error = died(pending.name(tag), cause);
          deaths.push(cause);
        }
        // A fire-and-forget write must not end a process because Redis is away; a mistake in a call should be seen.
        pending.reject(tag, error, kindOf(word) !== abi.FAILURE_REFUSED);
        if (portion.at % ASKED === 0 && runtime.now() >= until) break;
      }
    } finally {
      limitFrames(stackTraceLimit);
    }
    if (deaths.length > 0) throw deaths[0];
  }
}

let fewest: number | undefined;
/** Not by an assignment, which throws where an app has frozen its globals. */
const limitFrames = (limit: number): boolean => Reflect.set(Error, "stackTraceLimit", limit);
