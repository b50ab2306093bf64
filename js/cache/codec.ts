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
  if (isJson(value, 0)) return { kind: CONTENT.Json, data: JSON.stringify(value) };
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

/** Whether JSON gives it back as it is. Throws for what nothing here gives back. */
function isJson(value: unknown, depth: number): boolean {
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
      if (value === null) return true;
      break;
    default:
      throw refused(typeof value === "function" ? "a function" : "a symbol");
  }
  if (depth > DEEPEST) throw refused(`something nested deeper than ${DEEPEST}, or that refers to itself,`);
  // All of it is looked at, also behind what JSON would lose: what cannot be kept at all is refused.
  let all = true;
  if (Array.isArray(value)) {
    if (!isItself(value)) throw refused(described(value));
    for (let i = 0; i < value.length; i += 1) {
      if (value[i] === undefined && !(i in value)) throw refused("an array with holes");
      all = isJson(value[i], depth + 1) && all;
    }
    return all;
  }
  if (isPlain(value)) {
    for (const key in value) {
      if (Object.hasOwn(value, key)) all = isJson((value as Record<string, unknown>)[key], depth + 1) && all;
    }
    return all;
  }
  if (!isItself(value)) throw refused(described(value));
  switch (kindOf(value)) {
    case "Map":
      for (const [key, item] of value as Map<unknown, unknown>) {
        isJson(key, depth + 1);
        isJson(item, depth + 1);
      }
      return false;
    case "Set":
      for (const item of value as Set<unknown>) isJson(item, depth + 1);
      return false;
    case "Date":
    case "Uint8Array":
      return false;
    default:
      throw refused(described(value));
  }
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

/** Also for what another realm made. */
function kindOf(value: object): string {
  if (isBytes(value)) return "Uint8Array";
  return Object.prototype.toString.call(value).slice(8, -1);
}

// ── What JSON would lose ────────────────────────────────────────────────────────────────────────────────────────────

const mark = (kind: string, ...rest: unknown[]): object => ({ [MARK]: [kind, ...rest] });

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
      return mark("o", ...Object.entries(value).map(([key, item]) => [key, marked(item)]));
    const object = {};
    for (const [key, item] of Object.entries(value)) setField(object, key, marked(item));
    return object;
  }
  switch (kindOf(value)) {
    case "Map":
      return mark("m", ...Array.from(value as Map<unknown, unknown>, ([key, item]) => [marked(key), marked(item)]));
    case "Set":
      return mark("s", ...Array.from(value as Set<unknown>, marked));
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
