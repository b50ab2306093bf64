/**
 * Commands that end without a reply. There may be a hundred thousand of them at once, when a link dies or a deadline passes:
 * their errors are made without frames, which would tell of the engine alone and cost more than all the rest, and all but the
 * first of them in portions, between which the event loop goes on.
 */
import * as abi from "../core/abi.js";
import type { Status } from "../core/status.js";
import type { Ended } from "../pending/pending.js";
import type { Engine } from "./engine.js";
import { died, failure } from "./failures.js";
import type { Handle, Target } from "./target.js";

/** So many are rejected before anything else runs. */
const AT_ONCE = 500;
/** A portion takes so many milliseconds… */
const PORTION = 2;
/** …and the clock is asked after each so many. */
const ASKED = 64;

type Command = Ended<Handle>;

/** A part of the commands is rejected, the others are still to be. */
interface Portion {
  readonly all: readonly Command[];
  /** Makes the error of each. */
  readonly explain: (command: Command) => unknown;
  at: number;
}

export class Rejections {
  readonly #engine: Engine;
  /** Of the rows that are being read. */
  #fresh: Command[] = [];
  #left: Portion[] = [];
  #after: (() => void)[] = [];

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Takes a command that has ended, unless it had before. */
  add(tag: number, kind: number, detail: number, sent: number): void {
    const ended = this.#engine.pending.take(tag, kind, detail, sent);
    if (ended !== undefined) this.#fresh.push(ended);
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
    const statuses = new Map<Target, Status>();
    let last: Target | undefined;
    for (const { owner } of all) {
      if (owner.target === last) continue;
      last = owner.target;
      if (!statuses.has(last)) statuses.set(last, engine.statusOf(last));
    }
    const refusal = (code: number) =>
      (engine.core.calls.refusal_text(code) as string | undefined) ?? "cannot be sent on a shared connection";
    this.#reject(all, ({ owner, name, kind, detail, sent }) => {
      const status = statuses.get(owner.target) as Status;
      return failure(owner.target, status, name, owner.policy, kind, detail, sent, refusal);
    });
  }

  /** The core has died: rejects all that is pending. */
  died(cause: unknown): void {
    const { pending } = this.#engine;
    const all = this.#fresh;
    this.#fresh = [];
    for (const tag of pending.tags()) {
      const ended = pending.take(tag, 0, 0, 0);
      if (ended !== undefined) all.push(ended);
    }
    this.#reject(all, ({ name }) => died(name, cause));
  }

  /** Runs `act` once everything that has ended so far is rejected. */
  afterwards(act: () => void): void {
    if (this.#left.length === 0) act();
    else this.#after.push(act);
  }

  #reject(all: readonly Command[], explain: Portion["explain"]): void {
    const portion = { all, explain, at: 0 };
    // A request may be over before its timers fire: there, nothing waits.
    const isScoped = this.#engine.requests !== undefined;
    this.#rejectSome(portion, isScoped ? all.length : AT_ONCE, Number.POSITIVE_INFINITY);
    if (portion.at === all.length) return;
    this.#left.push(portion);
    if (this.#left.length === 1) this.#engine.runtime.afterPoll(this.#next);
  }

  readonly #next = (): void => {
    const { runtime } = this.#engine;
    const [portion] = this.#left;
    if (portion === undefined) return;
    this.#rejectSome(portion, portion.all.length, runtime.now() + PORTION);
    if (portion.at === portion.all.length) this.#left.shift();
    if (this.#left.length > 0) runtime.afterPoll(this.#next);
    else for (const act of this.#after.splice(0)) act();
  };

  #rejectSome(portion: Portion, most: number, until: number): void {
    const { all, explain } = portion;
    const { now } = this.#engine.runtime;
    const { stackTraceLimit } = Error;
    limitFrames(0);
    // On Bun an error without frames has no stack at all, which loggers do not expect.
    fewest ??= typeof new Error("").stack === "string" ? 0 : 1;
    limitFrames(fewest);
    try {
      for (const end = Math.min(all.length, portion.at + most); portion.at < end; ) {
        const command = all[portion.at] as Command;
        portion.at += 1;
        // A fire-and-forget write must not end a process because Redis is away; a mistake in a call should be seen.
        if (command.kind !== abi.FAILURE_REFUSED) command.promise.catch(nobody);
        command.reject(explain(command));
        if (portion.at % ASKED === 0 && now() >= until) return;
      }
    } finally {
      limitFrames(stackTraceLimit);
    }
  }
}

let fewest: number | undefined;
/** Not by an assignment, which throws where an app has frozen its globals. */
const limitFrames = (limit: number): boolean => Reflect.set(Error, "stackTraceLimit", limit);
const nobody = (): void => {};
