/** Refuses mistakes by name: a fault that silently does nothing makes a test that cannot fail. */
import { nearest } from "../core/near.js";
import type { Fault } from "./faults.js";

/** A rule for one property; `must` completes a sentence that begins with its name. */
export interface Rule {
  readonly is: (value: unknown) => boolean;
  readonly must: string;
}

/** The longest delay of a timer: a longer one would fire at once. */
const LONGEST = 2 ** 31 - 1;

const within =
  (from: number, to: number, whole: boolean) =>
  (value: unknown): boolean =>
    typeof value === "number" && value >= from && value <= to && (!whole || Number.isInteger(value));

export const isDelay: Rule = { is: within(0, LONGEST, false), must: "be a number of milliseconds from 0" };
export const isPort: Rule = {
  is: within(0, 65_535, true),
  must: "be a port; without it, or with 0, a free one is taken",
};
export const isHost: Rule = {
  is: (value) => typeof value === "string" && value !== "",
  must: "be an address to listen on, as in 127.0.0.1",
};

/** Throws a TypeError unless `options` is an object with only these properties, each as its rule says. */
export function checkOptions(what: string, options: unknown, rules: Readonly<Record<string, Rule>>): void {
  if (!isObject(options)) throw new TypeError(`${what} takes an object of options, not ${shown(options)}`);
  for (const [name, value] of Object.entries(options)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) throw new TypeError(`${what}: ${unknown("option", name, Object.keys(rules))}`);
    if (value !== undefined && !rule.is(value))
      throw new TypeError(`${what}: ${name} must ${rule.must}; it is ${shown(value)}`);
  }
}

const words = ["drop", "stall", "end", "close", "reset", "repeat"];
const count = "be a whole number of bytes";
const flowRules: Record<string, Rule> = {
  delay: isDelay,
  split: { is: within(1, Number.MAX_SAFE_INTEGER, true), must: `${count} from 1` },
  pace: isDelay,
  after: { is: within(0, Number.MAX_SAFE_INTEGER, true), must: `${count} from 0` },
  do: { is: () => true, must: "" },
};
const strikeRules: Record<string, Rule> = {
  wait: isDelay,
  say: { is: (value) => typeof value === "string" || value instanceof Uint8Array, must: "be a string or a Uint8Array" },
};

/** Throws a TypeError that names the mistake in a fault. */
export function checkFault(what: string, fault: unknown): asserts fault is Fault {
  if (!isObject(fault))
    throw new TypeError(`${what}: a fault is an object, as in { toClient: { do: "reset" } }, not ${shown(fault)}`);
  for (const [side, flow] of Object.entries(fault)) {
    if (side !== "toServer" && side !== "toClient")
      throw new TypeError(`${what}: ${unknown("direction", side, ["toServer", "toClient"])}`);
    if (flow === undefined) continue;
    const where = `${what}: ${side}`;
    checkOptions(where, flow, flowRules);
    checkStrike(where, (flow as { do?: unknown }).do);
  }
}

function checkStrike(where: string, strike: unknown): void {
  if (strike === undefined || (typeof strike === "string" && words.includes(strike))) return;
  if (typeof strike === "string") throw new TypeError(`${where}: ${unknown("do", strike, words)}`);
  checkOptions(`${where}.do`, strike, strikeRules);
  const { wait, say } = strike as { wait?: unknown; say?: unknown };
  if ((wait === undefined) === (say === undefined))
    throw new TypeError(`${where}: do is one of ${words.join(", ")}, { wait } or { say }`);
}

function unknown(what: string, name: string, names: readonly string[]): string {
  const near = nearest(name, names);
  const advice = near === undefined ? `there are ${names.join(", ")}` : `did you mean ${near}?`;
  return `unknown ${what} ${JSON.stringify(name.slice(0, 40))}; ${advice}`;
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The kind of a value. Text is not shown: it may be a URL with a password. */
export function shown(value: unknown): string {
  if (typeof value === "string") return value === "" ? "an empty string" : "another text";
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  return typeof value === "function" || typeof value === "symbol" ? `a ${typeof value}` : String(value);
}
