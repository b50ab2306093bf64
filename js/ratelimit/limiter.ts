/** The limiter: which way a request is decided. */

import type { Client } from "../client/api.js";
import type { Duration } from "../client/duration.js";
import { type HasInside, INSIDE, type Inside } from "../client/inside.js";
import { evaluate, type Sends } from "../client/script.js";
import { within } from "../client/within.js";
import { ReplyError } from "../core/errors.js";
import { Denials } from "./denials.js";
import { headersOf, responseOf } from "./headers.js";
import { encodeIdentifier, keyspace } from "./keys.js";
import { LocalLimiter } from "./local.js";
import { blockOf, mistakeOf, type Settings, settingsOf } from "./options.js";
import { Pools } from "./pools.js";
import { Asker, type Item, Questions } from "./questions.js";
import { type Answer, BLOCKED, NONE } from "./rules.js";
import { BLOCK, stateBytes } from "./scripts.js";
import type { Decision, LimitOptions, RateLimiter, RateLimitOptions, RateLimitStats } from "./types.js";

/** How much longer a decision may wait while a connection is being made, in milliseconds. */
const FOR_A_DIAL = 500;
/** How long Redis is not waited for once it was late and has not answered since, in milliseconds. */
const DOUBTED = 1000;

/** Stands for an answer that did not come in time. */
const LATE = Symbol();

/**
 * Limits how often something may happen. Inert: nothing is sent, no timer set and no clock read before its first use.
 *
 * @throws ConfigError for options that make no sense
 */
export class RateLimit implements RateLimiter {
  readonly #client: Sends & HasInside;
  readonly #settings: Settings;
  readonly #asker: Asker;
  readonly #denials: Denials;
  readonly #local: LocalLimiter;
  readonly #pools: Pools | undefined;
  /** Of the tick, by whose promises its callers may await. */
  readonly #questions = new WeakMap<object, Questions>();
  /** Until then Redis is taken for away: it was late, and has not answered since. */
  #doubtedUntil = 0;
  /** The last reason that was warned of. */
  #warned: string | undefined;
  readonly #stats: RateLimitStats = {
    allowed: 0,
    denied: 0,
    remembered: 0,
    approximated: 0,
    unavailable: 0,
    questions: 0,
  };

  constructor(client: Client | Client<string, bigint>, options: RateLimitOptions) {
    const settings = settingsOf(client, options);
    const { rules, maxKeys, share } = settings;
    this.#client = client as unknown as Sends & HasInside;
    this.#settings = settings;
    this.#asker = new Asker(this.#client, keyspace(settings.name, rules), rules);
    this.#denials = new Denials(maxKeys);
    this.#local = new LocalLimiter(rules, maxKeys);
    this.#pools = share === 0 ? undefined : new Pools(share, rules, maxKeys);
  }

  limit(key: string, options?: LimitOptions): Promise<Decision> {
    return this.#decide(key, options, 1);
  }

  peek(key: string, options?: LimitOptions): Promise<Decision> {
    return this.#decide(key, options, 0);
  }

  async reset(key: string): Promise<void> {
    const identifier = this.#identify(key);
    this.#forget(identifier);
    await this.#client.send(["DEL", this.#asker.keyOf(identifier)]);
    // Questions asked meanwhile may have been answered from the earlier state.
    this.#forget(identifier);
  }

  async block(key: string, duration: Duration): Promise<void> {
    const identifier = this.#identify(key);
    const time = blockOf(duration);
    this.#pools?.forget(identifier);
    this.#local.block(identifier, this.#client[INSIDE].now() + time);
    await evaluate(
      this.#client,
      BLOCK,
      [this.#asker.keyOf(identifier)],
      [`${time}`, `${stateBytes(this.#settings.rules)}`],
    );
    this.#pools?.forget(identifier);
  }

  headers(decision: Decision): Record<string, string> {
    return headersOf(this.#settings.rules, decision);
  }

  response(decision: Decision): Response {
    return responseOf(this.headers(decision), decision);
  }

  stats(): RateLimitStats {
    return { ...this.#stats };
  }

  #identify(key: string): string {
    const mistake = mistakeOf(key, undefined);
    if (mistake !== undefined) throw mistake;
    return encodeIdentifier(key);
  }

  #forget(identifier: string): void {
    this.#denials.forget(identifier);
    this.#pools?.forget(identifier);
    this.#local.reset(identifier);
  }

  #decide(key: string, options: LimitOptions | undefined, asked: 0 | 1): Promise<Decision> {
    const mistake = mistakeOf(key, options);
    if (mistake !== undefined) return Promise.reject(mistake);
    const { cost = 1, signal } = options ?? {};
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const identifier = encodeIdentifier(key);
    const inside = this.#client[INSIDE];
    try {
      if (this.#settings.denies(key))
        return Promise.resolve(this.#count(this.#byPolicy(inside, false, null, "denied"), asked));
    } catch (error) {
      return Promise.reject(error);
    }
    const { scope } = inside;
    if (scope === undefined) return Promise.resolve(this.#without(inside, identifier, cost, asked, inside.state));
    const now = inside.now();
    const spent = asked === 0 ? undefined : this.#pools?.spend(identifier, cost, now);
    if (spent !== undefined) {
      this.#stats.approximated += 1;
      const remaining = spent.answer.remaining + spent.left;
      return Promise.resolve(this.#count(this.#decision(inside, spent.answer, true, remaining), 1));
    }
    const denied = this.#denials.find(identifier, cost, now);
    if (denied !== undefined) {
      this.#stats.remembered += asked;
      return Promise.resolve(this.#count(this.#decision(inside, denied, false, denied.remaining), asked));
    }
    if (now < this.#doubtedUntil) return Promise.resolve(this.#without(inside, identifier, cost, asked, "timeout"));
    const decided = new Promise<Decision>((resolve) => {
      const settle = (answer: Answer | undefined, reason: string, isAdmitted: boolean, remaining: number) =>
        resolve(
          answer === undefined
            ? this.#without(inside, identifier, cost, asked, reason)
            : this.#count(
                this.#decision(inside, answer, asked === 0 ? answer.denying === NONE : isAdmitted, remaining),
                asked,
              ),
        );
      const questions = this.#asking(inside, scope);
      if (this.#pools === undefined || asked === 0) questions.add(identifier, cost, asked, { needs: asked, settle });
      else questions.add(identifier, 1, cost, { needs: cost, settle });
    });
    return signal === undefined ? decided : until(decided, signal);
  }

  /** The questions that leave with the commands of this tick. */
  #asking(inside: Inside, scope: object): Questions {
    let questions = this.#questions.get(scope);
    if (questions === undefined) {
      questions = new Questions();
      this.#questions.set(scope, questions);
      inside.beforeFlush(() => this.#ask(inside, scope));
    }
    return questions;
  }

  #ask(inside: Inside, scope: object): void {
    const questions = this.#questions.get(scope);
    if (questions === undefined) return;
    this.#questions.delete(scope);
    if (this.#pools !== undefined)
      for (const item of questions.items) if (item.asked > 0) item.asked += this.#pools.surplus(item.key);
    for (const items of questions.portions()) this.#askFor(inside, items);
  }

  async #askFor(inside: Inside, items: readonly Item[]): Promise<void> {
    const askedAt = inside.now();
    const limit = this.#settings.timeout + (inside.state === "ready" ? 0 : FOR_A_DIAL);
    this.#stats.questions += 1;
    const asked = this.#asker.ask(items);
    // A late answer still tells which keys are denied, and that Redis is back.
    const learnt = asked.then((answers) => {
      this.#doubtedUntil = 0;
      this.#warned = undefined;
      answers.forEach((answer, index) => {
        const { key, cost } = items[index] as Item;
        if (answer.denying !== NONE) this.#denials.learn(key, answer, cost, askedAt);
      });
      return answers;
    });
    let reason = "timeout";
    try {
      const answers = await within(learnt, inside, limit, LATE);
      if (answers !== LATE) {
        answers.forEach((answer, index) => {
          this.#settle(items[index] as Item, answer, askedAt);
        });
        return;
      }
      this.#doubtedUntil = inside.now() + DOUBTED;
      const believe = () => {
        this.#doubtedUntil = 0;
      };
      learnt.then(believe, believe);
    } catch (error) {
      reason = reasonOf(error);
      this.#warn(inside, reason, error);
    }
    for (const { waiters } of items) for (const { settle } of waiters) settle(undefined, reason, false, 0);
  }

  /** Gives an item's callers what was admitted, in the order of their calls. */
  #settle({ key, cost, asked, waiters }: Item, answer: Answer, askedAt: number): void {
    let left = answer.admitted;
    for (const { needs, settle } of waiters) {
      const isAdmitted = needs > 0 && needs <= left;
      if (isAdmitted) left -= needs;
      settle(answer, "", isAdmitted, answer.remaining + left * cost);
    }
    if (asked > 0) this.#pools?.fill(key, left, answer, askedAt);
  }

  #decision(
    inside: Inside,
    answer: Answer,
    allowed: boolean,
    remaining: number,
    decidedBy: Decision["decidedBy"] = "redis",
    reason?: string,
  ): Decision {
    const { rules } = this.#settings;
    const isBlocked = answer.denying === BLOCKED;
    const rule = (rules[!allowed && answer.denying >= 0 ? answer.denying : answer.tightest] ??
      rules[0]) as Settings["rules"][number];
    const why = reason ?? (isBlocked ? "blocked" : undefined);
    return {
      allowed,
      rule: rule.name,
      limit: rule.limit,
      remaining,
      resetAfter: answer.reset,
      resetAt: inside.wallClock() + answer.reset,
      retryAfter: allowed ? 0 : answer.wait < 0 ? null : answer.wait,
      decidedBy,
      ...(why === undefined ? undefined : { reason: why }),
    };
  }

  /** Without Redis. */
  #without(inside: Inside, key: string, cost: number, asked: 0 | 1, reason: string): Decision {
    const { whenUnavailable } = this.#settings;
    this.#stats.unavailable += 1;
    if (whenUnavailable !== "local") {
      return this.#count(this.#byPolicy(inside, whenUnavailable === "allow", DOUBTED, reason), asked);
    }
    const answer = this.#local.decide(key, inside.now(), cost, asked);
    const allowed = asked === 0 ? answer.denying === NONE : answer.admitted > 0;
    return this.#count(this.#decision(inside, answer, allowed, answer.remaining, "local", reason), asked);
  }

  #byPolicy(inside: Inside, allowed: boolean, retryAfter: number | null, reason: string): Decision {
    const [{ name, limit }] = this.#settings.rules as [Settings["rules"][number]];
    const remaining = allowed ? limit : 0;
    const now = inside.wallClock();
    return {
      allowed,
      rule: name,
      limit,
      remaining,
      resetAfter: 0,
      resetAt: now,
      retryAfter: allowed ? 0 : retryAfter,
      decidedBy: "policy",
      reason,
    };
  }

  #count(decision: Decision, asked: 0 | 1): Decision {
    this.#stats[decision.allowed ? "allowed" : "denied"] += asked;
    return decision;
  }

  /** Logs a refusal by a server that is reachable, since the client logs nothing then. */
  #warn(inside: Inside, reason: string, error: unknown): void {
    if (!(error instanceof ReplyError) || this.#warned === reason) return;
    this.#warned = reason;
    const { name, whenUnavailable } = this.#settings;
    const decider = { local: "this process decides", allow: "all are let in", deny: "none is let in" }[whenUnavailable];
    inside.warn?.(`rate limit ${name}: ${decider}, since Redis refuses: ${error.message}`);
  }
}

function reasonOf(error: unknown): string {
  const { kind, reason, code } = error as { kind?: unknown; reason?: unknown; code?: unknown };
  if (typeof reason === "string") return reason;
  if (kind === "TimeoutError") return "timeout";
  return typeof code === "string" ? code : "error";
}

/** The decision, unless the caller gives it up before. */
function until(decided: Promise<Decision>, signal: AbortSignal): Promise<Decision> {
  return new Promise((resolve, reject) => {
    const end = () => reject(signal.reason);
    signal.addEventListener("abort", end, { once: true });
    decided.then((decision) => {
      signal.removeEventListener("abort", end);
      resolve(decision);
    });
  });
}
