/** Resolves options. Throws for mistakes at once: `ConfigError` for a limiter's, `UsageError` for a call's. */
import { type Duration, milliseconds, notDuration } from "../client/duration.js";
import { type HasInside, INSIDE } from "../client/inside.js";
import { ConfigError, UsageError } from "../core/errors.js";
import { nearest, unknownOption } from "../core/near.js";
import { own } from "../core/own.js";
import type { Rule } from "./rules.js";
import type { Algorithm, CommonOptions, LimitOptions, RateLimitOptions, RuleOptions } from "./types.js";

/** Milliseconds. */
export interface Settings {
  readonly name: string;
  readonly rules: readonly Rule[];
  readonly timeout: number;
  readonly whenUnavailable: "local" | "allow" | "deny";
  readonly denies: (key: string) => boolean;
  /** 0: exact. */
  readonly share: number;
  readonly maxKeys: number;
}

const ofRules = ["limit", "window", "algorithm", "burst"] as const satisfies (keyof RuleOptions)[];
const common = [
  "name",
  "timeout",
  "whenUnavailable",
  "deny",
  "approximate",
  "maxKeys",
] as const satisfies (keyof CommonOptions)[];
const ofLimiters = [...common, ...ofRules, "rules"];
const ofCalls = ["cost", "signal"];

const algorithms: readonly Algorithm[] = ["sliding", "fixed", "bucket"];
const policies = ["local", "allow", "deny"] as const;
const LONGEST_WINDOW = 366 * 86_400_000;
/** The highest count of a rule or call: with windows in microseconds all numbers stay below 2⁵³. */
const MOST = 1e9;

const wrong = (text: string): ConfigError => new ConfigError(`RateLimit: ${text}`, { code: "EDGIS_CONFIG" });

export function settingsOf(client: unknown, given: RateLimitOptions): Settings {
  if ((client as Partial<HasInside> | undefined | null)?.[INSIDE] === undefined)
    throw wrong("the first argument must be what createClient of this or a later version of edgis gave");
  if (typeof given !== "object" || given === null) throw wrong("the second argument is an object of options");
  for (const name of Object.keys(given)) if (!ofLimiters.includes(name)) throw wrong(unknownOption(name, ofLimiters));
  const options = own(given as CommonOptions & RuleOptions & { rules?: object }, ofLimiters);
  const { name, deny, approximate } = options;
  if (typeof name !== "string" || !/^[\w.:/@+-]{1,64}$/.test(name))
    throw wrong("name must be 1 to 64 of the characters A-Z a-z 0-9 _ . : / @ + -");
  if (options.rules !== undefined && ofRules.some((rule) => options[rule] !== undefined))
    throw wrong("give either rules or limit and window, not both");
  const timeout = options.timeout === undefined ? 100 : milliseconds(options.timeout);
  if (timeout === undefined) throw wrong(notDuration("timeout"));
  const { whenUnavailable = "local" } = options;
  if (!policies.includes(whenUnavailable)) throw wrong('whenUnavailable must be "local", "allow" or "deny"');
  const maxKeys = options.maxKeys ?? 10_000;
  if (!isCount(maxKeys)) throw wrong("maxKeys must be a whole number from 1");
  return {
    name,
    rules: options.rules === undefined ? [ruleOf(name, options)] : rulesOf(options.rules),
    timeout,
    whenUnavailable,
    denies: denying(deny),
    share: approximate === undefined ? 0 : shareOf(approximate),
    maxKeys,
  };
}

function rulesOf(rules: object): Rule[] {
  const named = typeof rules === "object" && rules !== null ? Object.entries(rules) : [];
  if (named.length === 0 || named.length > 16)
    throw wrong("rules must be an object with 1 to 16 rules by their names, such as { perSecond: { … } }");
  return named.map(([name, rule]) => {
    if (!/^[\w.-]{1,64}$/.test(name)) throw wrong("the name of a rule is 1 to 64 of the characters A-Z a-z 0-9 _ . -");
    if (typeof rule !== "object" || rule === null) throw wrong(`rules.${name} must be an object`);
    for (const word of Object.keys(rule))
      if (!(ofRules as readonly string[]).includes(word)) throw wrong(`rules.${name}: ${unknownOption(word, ofRules)}`);
    return ruleOf(name, own(rule as RuleOptions, ofRules), `rules.${name}.`);
  });
}

function ruleOf(name: string, options: RuleOptions, at = ""): Rule {
  const { limit, algorithm = "sliding", burst } = options;
  if (!isCount(limit)) throw wrong(`${at}limit must be a whole number from 1 to ${MOST}`);
  const window = milliseconds(options.window, Number.POSITIVE_INFINITY);
  if (window === undefined || window < 1 || window > LONGEST_WINDOW)
    throw wrong(`${notDuration(`${at}window`)}, from 1 ms to 366 days`);
  if (!algorithms.includes(algorithm)) {
    const near = typeof algorithm === "string" ? nearest(algorithm, algorithms) : undefined;
    throw wrong(`${at}algorithm must be "sliding", "fixed" or "bucket"${near ? `; did you mean "${near}"?` : ""}`);
  }
  if (burst !== undefined && algorithm !== "bucket") throw wrong(`${at}burst is an option of algorithm "bucket" only`);
  if (burst !== undefined && !isCount(burst)) throw wrong(`${at}burst must be a whole number from 1 to ${MOST}`);
  return { name, algorithm, limit, window: Math.round(window * 1000), capacity: burst ?? limit };
}

function denying(deny: CommonOptions["deny"]): (key: string) => boolean {
  if (deny === undefined) return () => false;
  if (typeof deny === "function") return (key) => deny(key) === true;
  if (!Array.isArray(deny) || deny.some((key) => typeof key !== "string"))
    throw wrong("deny must be an array of keys, or a function that gives true for those that are denied");
  const keys = new Set(deny);
  return (key) => keys.has(key);
}

function shareOf(approximate: { share: number }): number {
  const { share, ...others } = typeof approximate === "object" && approximate !== null ? approximate : { share: 0 };
  const [other] = Object.keys(others);
  if (other !== undefined) throw wrong(`approximate: ${unknownOption(other, ["share"])}`);
  if (!(share > 0 && share <= 0.5)) throw wrong("approximate.share must be a number above 0, and at most 0.5");
  return share;
}

const isCount = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MOST;

/** An error for a mistake in a call, if there is one. */
export function mistakeOf(key: unknown, options: LimitOptions | undefined): UsageError | undefined {
  if (typeof key !== "string" || key === "")
    return new UsageError(
      `RateLimit: a key is a text that is not empty, not ${key === "" ? "an empty one" : kindOf(key)}`,
    );
  if (options === undefined) return undefined;
  if (typeof options !== "object" || options === null)
    return new UsageError("RateLimit: the options of a call are an object");
  for (const name of Object.keys(options))
    if (!ofCalls.includes(name)) return new UsageError(`RateLimit: ${unknownOption(name, ofCalls)}`);
  const { cost, signal } = options;
  if (cost !== undefined && !isCount(cost))
    return new UsageError(`RateLimit: cost must be a whole number from 1 to ${MOST}`);
  if (signal !== undefined && typeof (signal as Partial<AbortSignal>)?.addEventListener !== "function")
    return new UsageError("RateLimit: signal must be an AbortSignal");
  return undefined;
}

const kindOf = (value: unknown): string => (value === null ? "null" : Array.isArray(value) ? "an array" : typeof value);

/** In milliseconds. Throws `UsageError`. */
export function blockOf(duration: Duration): number {
  const time = milliseconds(duration, LONGEST_WINDOW);
  if (time === undefined) throw new UsageError(`RateLimit: ${notDuration("the duration of a block")}`);
  return Math.max(1, Math.ceil(time));
}
