/** How keys and tags are written in Redis: unambiguously, in bounds, and so that what one script touches is in one slot. */
import { UsageError } from "../core/errors.js";
import { sha256 } from "../core/sha256.js";
import type { Operation } from "./journal.js";

/** A part of a key that has parts. */
export type KeyPart = string | number | bigint | boolean | null;

/** A key: text, or parts. `["a", "b:c"]`, `["a:b", "c"]` and `"a:b:c"` are three keys, `["1"]` and `[1]` are two. */
export type CacheKey = string | readonly KeyPart[];

/** Longer ones, in UTF-8, are replaced by their SHA-256. */
const LONGEST = 1024;

/** A plain text stands for itself unless it begins like one of the other forms. */
const PLAIN = "=";
const PARTS = "[";
const ILL_FORMED = '"';
const HASH = "#";
const FORMS = PLAIN + PARTS + ILL_FORMED + HASH;

const encoder = new TextEncoder();
const lone = /[\ud800-\udfff]/u;

/** The text under which a key is known. Throws `UsageError`. */
export function encodeKey(key: CacheKey): string {
  if (typeof key === "string") return bounded(encodeText(key, "a key"));
  if (!Array.isArray(key) || key.length === 0)
    throw new UsageError("a key is a text or an array of parts, and not empty");
  return bounded(PARTS + key.map(encodePart).join(","));
}

/** The text under which a tag is known. Throws `UsageError`. */
export function encodeTag(tag: string): string {
  if (typeof tag !== "string") throw new UsageError(`a tag is a text, not ${typeof tag}`);
  return bounded(encodeText(tag, "a tag"), 255);
}

function encodeText(text: string, what: string): string {
  if (text === "") throw new UsageError(`${what} must not be empty`);
  // Half a character has no UTF-8: as such, two different keys would be one.
  if (lone.test(text)) return JSON.stringify(text);
  return FORMS.includes(text[0] as string) ? PLAIN + text : text;
}

/** JSON tells texts, numbers, booleans and null apart, and quotes what separates parts. */
function encodePart(part: unknown): string {
  switch (typeof part) {
    case "string":
    case "boolean":
      return JSON.stringify(part);
    case "number":
      if (Number.isFinite(part)) return JSON.stringify(part);
      throw new UsageError(`a part of a key is ${part}, which is no number to go by`);
    case "bigint":
      return `${part}n`;
    default:
      if (part === null) return "null";
      throw new UsageError(
        `a part of a key is ${typeof part === "object" ? "an object" : typeof part}; parts are texts, numbers, bigints, booleans or null`,
      );
  }
}

function bounded(text: string, longest = LONGEST): string {
  if (3 * text.length <= longest) return text;
  const bytes = encoder.encode(text);
  return bytes.length <= longest ? text : HASH + sha256(bytes);
}

/** Stands for all tags where those of a value are not known: what carries it is given up with any of them. No text is encoded so. */
export const ANY_TAG = PARTS;

/**
 * The names of a namespace's keys. All that tells whether an entry holds begins alike, so that one prefix of client tracking
 * covers it and nothing of others; leases come and go for nobody but who asks for them. An entry and its lease share a slot
 * by their hash tag, and so do the generation and the identity of a namespace. What kind of key it is stands behind the hash
 * tag: nothing for an entry.
 */
export class Names {
  readonly namespace: string;
  /** The prefix of all of them but leases. */
  readonly tracked: string;
  readonly generation: string;
  /** Whose data it was last written on. */
  readonly identity: string;
  /** The generation of `ANY_TAG`. */
  readonly sequence: string;
  readonly #leases: string;

  /** `prefix`: of all keys, as permissions may want it. */
  constructor(namespace: string, prefix: string) {
    this.namespace = namespace;
    this.tracked = `${prefix}ec:{${namespace}${SEPARATOR}`;
    this.#leases = `${prefix}el:{${namespace}${SEPARATOR}`;
    this.generation = `${this.tracked}}n`;
    this.identity = `${this.tracked}}r`;
    this.sequence = `${this.tracked}}s`;
  }

  /** The patterns of all its keys, as ACL rules. */
  get patterns(): string {
    return `~${this.tracked}* ~${this.#leases}*`;
  }

  entry(key: string): string {
    return `${this.tracked}${key}}`;
  }

  lease(key: string): string {
    return `${this.#leases}${key}}`;
  }

  tag(tag: string): string {
    return tag === ANY_TAG ? this.sequence : `${this.tracked}${tag}}t`;
  }

  /** The key that an operation removes. */
  of({ kind, name }: Operation): string {
    return kind === "key" ? this.entry(name) : kind === "tag" ? this.tag(name) : this.generation;
  }
}

const SEPARATOR = "|";

/** Its characters must not end a hash tag or be taken for the separator. */
export const isNamespace = (text: unknown): text is string =>
  typeof text === "string" && /^[\w.:/@+-]{1,64}$/.test(text);

/** The same for a prefix, which may be empty. */
export const isPrefix = (text: unknown): text is string => typeof text === "string" && /^[\w.:/@+-]{0,64}$/.test(text);

/** The prefix of a key's namespace: see `Names.tracked`. */
export const trackedOf = (key: string): string => key.slice(0, key.indexOf(SEPARATOR) + 1);
