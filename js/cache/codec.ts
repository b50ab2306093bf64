/**
 * Values as bytes. The codec that comes with the package is JSON, and where JSON would lose something, JSON in which an
 * object `{ "$": [kind, …] }` stands for it. Bytes pass as they are.
 */
import { UsageError } from "../core/errors.js";
import { setField } from "../reply/fields.js";
import { CONTENT, type Content } from "./envelope.js";
import { isPromise } from "./failure.js";

/** Turns values into bytes and back. What it throws on the way back makes the entry a miss. */
export interface Codec {
  encode(value: unknown): Uint8Array | string;
  /** The bytes are its own. */
  decode(bytes: Uint8Array): unknown;
}

/** Deeper ones, and those that refer to themselves, are refused. */
const DEEPEST = 500;
/** A value that is in several places is written in each; one that comes to so many values by that is refused. */
const MOST_SHARED = 500_000;
const MARK = "$";
const encoder = new TextEncoder();

/** The content of an entry. Throws `UsageError` for what cannot be kept without loss, and what a codec throws. */
export function encode(value: unknown, codec: Codec | undefined): Content {
  if (codec !== undefined) {
    const made = codec.encode(value);
    if (typeof made === "string") return { kind: CONTENT.Codec, data: made };
    if (isPromise(made) || !isBytes(made))
      throw new UsageError("the codec's encode must give a string or a Uint8Array");
    return { kind: CONTENT.Codec, data: made };
  }
  if (isBytes(value) && isItself(value)) return { kind: CONTENT.Bytes, data: value };
  if (isKept(value)) return { kind: CONTENT.Json, data: JSON.stringify(value) };
  return { kind: CONTENT.Rich, data: JSON.stringify(marked(value)) };
}

/** What `encode` was given, made anew at each call. Throws when the content makes no sense. */
export function decode(kind: number, content: string | Uint8Array, codec: Codec | undefined): unknown {
  switch (kind) {
    case CONTENT.Json:
      return JSON.parse(content as string);
    case CONTENT.Rich:
      return unmarked(JSON.parse(content as string));
    case CONTENT.Bytes:
      return (content as Uint8Array).slice();
    case CONTENT.Codec:
      if (codec === undefined) throw new Error("the entry was written with a codec");
      return own(codec, typeof content === "string" ? encoder.encode(content) : content.slice());
    default:
      throw new Error("an unknown kind of content");
  }
}

function own(codec: Codec, bytes: Uint8Array): unknown {
  const value = codec.decode(bytes);
  if (isPromise(value)) throw new Error("the codec's decode gave a promise");
  return value;
}

const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array && ArrayBuffer.isView(value);

/** Whether JSON gives it back as it is. Throws for what nothing here gives back, and says where it stands. */
function isKept(value: unknown): boolean {
  try {
    return new Inspection().isJson(value, 0);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    // A second time, for the way there: mostly nobody wants to know it.
    const path: string[] = [];
    let what = error.message;
    try {
      new Inspection(path).isJson(value, 0);
    } catch (again) {
      what = (again as Error).message;
    }
    throw refused(path.length === 0 ? what : `${what} (at ${path.join("")})`);
  }
}

/** What cannot be kept. */
class Refusal extends Error {}

/** A step on the way to a part. Names of fields are shown where they look like names, and not like data. */
function step(name: string | number | undefined): string {
  if (typeof name === "number") return `[${name}]`;
  if (name === undefined) return "(a member)";
  return /^[A-Za-z_$][\w$]{0,40}$/.test(name) ? `.${name}` : "[…]";
}

class Inspection {
  readonly #path: string[] | undefined;
  #left = MOST_SHARED;
  /** Objects so far, once there are many. */
  #seen: Set<object> | undefined;

  constructor(path?: string[]) {
    this.#path = path;
  }

  isJson(value: unknown, depth: number): boolean {
    switch (typeof value) {
      case "string":
      case "boolean":
        return true;
      case "number":
        return Number.isFinite(value) && !Object.is(value, -0);
      case "undefined":
      case "bigint":
        return false;
      case "object":
        return value === null || this.#isObject(value, depth);
      default:
        throw new Refusal(typeof value === "function" ? "a function" : "a symbol");
    }
  }

  // All of it is looked at, also behind what JSON would lose: what cannot be kept at all is refused.
  #isObject(value: object, depth: number): boolean {
    if (depth > DEEPEST) throw new Refusal(`something nested deeper than ${DEEPEST}, or that refers to itself,`);
    this.#count(value);
    if (Array.isArray(value)) return this.#isArray(value, depth);
    if (isPlain(value)) {
      let all = true;
      for (const key in value) {
        if (Object.hasOwn(value, key)) {
          all = this.#isPart((value as Record<string, unknown>)[key], depth, key) && all;
        }
      }
      hasNoJson(value);
      return all;
    }
    if (!isItself(value)) throw new Refusal(described(value));
    switch (kindOf(value)) {
      case "Map":
        for (const [key, item] of value as Map<unknown, unknown>) {
          this.#isPart(key, depth, undefined);
          this.#isPart(item, depth, undefined);
        }
        return false;
      case "Set":
        for (const item of value as Set<unknown>) this.#isPart(item, depth, undefined);
        return false;
      case "Date":
      case "Uint8Array":
        return false;
      default:
        throw new Refusal(described(value));
    }
  }

  #isArray(value: readonly unknown[], depth: number): boolean {
    if (!isItself(value)) throw new Refusal(described(value));
    let all = true;
    for (let i = 0; i < value.length; i += 1) {
      if (value[i] === undefined && !(i in value)) throw new Refusal("an array with holes");
      all = this.#isPart(value[i], depth, i) && all;
    }
    if (Object.keys(value).length !== value.length) throw new Refusal("an array with fields of its own");
    hasNoJson(value);
    return all;
  }

  #isPart(value: unknown, depth: number, name: string | number | undefined): boolean {
    const path = this.#path;
    if (path === undefined) return this.isJson(value, depth + 1);
    path.push(step(name));
    const all = this.isJson(value, depth + 1);
    path.pop();
    return all;
  }

  #count(value: object): void {
    this.#left -= 1;
    if (this.#left > 0) return;
    this.#seen ??= new Set();
    if (this.#seen.has(value)) {
      throw new Refusal(`something that is in so many places that it comes to more than ${MOST_SHARED} values`);
    }
    this.#seen.add(value);
  }
}

/** JSON would ask it, whether it is enumerable or not. */
function hasNoJson(value: object): void {
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") throw new Refusal("something with a method toJSON");
}

function refused(what: string): UsageError {
  const kept =
    "plain objects, arrays, Map, Set, Date, Uint8Array, text, numbers, bigints, booleans, null and undefined";
  return new UsageError(
    `${what} cannot be cached without loss; what can is ${kept}. Give data instead, or set a codec. Nothing was sent`,
  );
}

function described(value: object): string {
  const name: unknown = (value.constructor as { name?: unknown } | undefined)?.name;
  return `an instance of ${typeof name === "string" && name !== "" ? name : "a class"}`;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || isRoot(prototype);
}

/** Of the class itself, also of another realm's, and not of one derived from it, such as Buffer. */
function isItself(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object;
  if (ArrayBuffer.isView(value)) return Object.hasOwn(prototype, "BYTES_PER_ELEMENT");
  const above: unknown = Object.getPrototypeOf(prototype);
  return above === Object.prototype || (above !== null && isRoot(above));
}

/** The `Object.prototype` of another realm. */
const isRoot = (prototype: unknown): boolean =>
  Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, "hasOwnProperty");

/** Also for what another realm made; what only says that it is one is none. */
function kindOf(value: object): string | undefined {
  if (isBytes(value)) return "Uint8Array";
  try {
    switch (Object.prototype.toString.call(value)) {
      case "[object Map]":
        Map.prototype.has.call(value, 0);
        return "Map";
      case "[object Set]":
        Set.prototype.has.call(value, 0);
        return "Set";
      case "[object Date]":
        Date.prototype.getTime.call(value);
        return "Date";
      case "[object Uint8Array]":
        return ArrayBuffer.isView(value) ? "Uint8Array" : undefined;
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}

// ── What JSON would lose ────────────────────────────────────────────────────────────────────────────────────────────

const mark = (kind: string, ...rest: unknown[]): object => ({ [MARK]: [kind, ...rest] });
/** Of any number: arguments are on the stack. */
const markAll = (kind: string, rest: unknown[]): object => ({ [MARK]: [kind].concat(rest as string[]) });

function marked(value: unknown): unknown {
  switch (typeof value) {
    case "undefined":
      return mark("u");
    case "bigint":
      return mark("n", String(value));
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : mark("f", Object.is(value, -0) ? "-0" : `${value}`);
    case "object":
      return value === null ? null : markedObject(value);
    default:
      return value;
  }
}

function markedObject(value: object): unknown {
  if (Array.isArray(value)) return Array.from(value, marked);
  if (isPlain(value)) {
    // An object that looks like a mark is written as its entries.
    if (Object.hasOwn(value, MARK))
      return markAll(
        "o",
        Object.entries(value).map(([key, item]) => [key, marked(item)]),
      );
    const object = {};
    for (const [key, item] of Object.entries(value)) setField(object, key, marked(item));
    return object;
  }
  switch (kindOf(value)) {
    case "Map":
      return markAll(
        "m",
        Array.from(value as Map<unknown, unknown>, ([key, item]) => [marked(key), marked(item)]),
      );
    case "Set":
      return markAll("s", Array.from(value as Set<unknown>, marked));
    case "Date": {
      const time = (value as Date).getTime();
      return mark("d", Number.isNaN(time) ? null : time);
    }
    default:
      return mark("b", base64(value as Uint8Array));
  }
}

function unmarked(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(unmarked);
  if (Object.hasOwn(value, MARK)) return restored((value as Record<string, unknown[]>)[MARK] as unknown[]);
  const object = {};
  for (const [key, item] of Object.entries(value)) setField(object, key, unmarked(item));
  return object;
}

function restored([kind, ...rest]: unknown[]): unknown {
  const [first] = rest;
  switch (kind) {
    case "u":
      return undefined;
    case "n":
      return BigInt(first as string);
    case "f":
      return first === "-0" ? -0 : Number(first);
    case "d":
      return new Date(first === null ? Number.NaN : (first as number));
    case "m":
      return new Map((rest as [unknown, unknown][]).map(([key, item]) => [unmarked(key), unmarked(item)]));
    case "s":
      return new Set(rest.map(unmarked));
    case "b":
      return Uint8Array.from(atob(first as string), (character) => character.charCodeAt(0));
    case "o": {
      const object = {};
      for (const [key, item] of rest as [string, unknown][]) setField(object, key, unmarked(item));
      return object;
    }
    default:
      throw new Error("an unknown mark");
  }
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}
