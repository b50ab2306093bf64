/**
 * Turns what callers pass into what Redis takes, or says which argument cannot be. Their getters, proxies and iterators run
 * while arrays and objects are read, and all of that before anything is judged: what is judged does not change any more.
 */
import { UsageError } from "../core/errors.js";
import { nearest } from "../core/near.js";
import type { Argument } from "../loop/stage.js";
import type { Grammar } from "./grammar.js";

/** One value of a command. */
export type Value = string | number | bigint | Uint8Array;

/** The longest argument that servers accept by default. */
const LONGEST_ARGUMENT = 512 << 20;
const TOO_LONG = "more than 512 MiB (proto-max-bulk-len)";
/** More than any command's, and little enough to stand in one piece anywhere. */
const LONGEST_NAME = 256;
const ADVICE = "a value is a string, a number, a bigint or a Uint8Array";
const PLACES = "objects and arrays stand only where a method takes options, fields or a list";

/**
 * The arguments of a command, whose name is the first: scalars, but where its grammar takes more. `args` is used up where
 * there is a grammar. Throws `UsageError`.
 */
export function flatten(args: readonly unknown[], grammar?: Grammar): Argument[] {
  const name = args[0];
  if (typeof name !== "string" || name === "") {
    throw new UsageError('the first argument must be the name of a command, as in call("GET", "key")');
  }
  if (grammar !== undefined) read(name, args as unknown[], grammar.at);
  const line = new Line(name, args);
  if (grammar === undefined || args.length <= grammar.at) line.scalars(0);
  else {
    line.scalars(0, grammar.at);
    line[grammar.kind](grammar, grammar.at);
  }
  return line.flat;
}

/** Text of more units than this may be longer than servers take: a unit is three bytes at the most. */
export const LONGEST_SURE = LONGEST_ARGUMENT / 3;

/** An error for the first argument that is too long: the server would close the shared link because of it. */
export function oversized(flat: readonly Argument[], byteLength: (text: string) => number): UsageError | undefined {
  const name = flat[0] as string;
  if (name.length > LONGEST_NAME) {
    const what = `the first argument has ${name.length} characters`;
    return new UsageError(`${what}, which is more than the name of any command`);
  }
  for (let i = 1; i < flat.length; i += 1) {
    const argument = flat[i] as Argument;
    if (argument.length <= LONGEST_SURE || typeof argument !== "string") continue;
    if (byteLength(argument) <= LONGEST_ARGUMENT) continue;
    return new UsageError(`${name}: argument ${i} is text of ${TOO_LONG}. Nothing was sent`, name);
  }
  return undefined;
}

/** The fields of an object, read once. */
class Fields {
  readonly entries: readonly (readonly [name: string, value: unknown])[];

  constructor(object: object) {
    const entries = Object.entries(object);
    for (const entry of entries) if (Array.isArray(entry[1])) entry[1] = [...entry[1]];
    this.entries = entries;
  }
}

/** Puts copies in the place of arrays and objects. */
function read(name: string, args: unknown[], from: number): void {
  try {
    for (let i = from; i < args.length; i += 1) {
      const value = args[i];
      if (Array.isArray(value)) args[i] = [...value];
      else if (isPlain(value)) args[i] = new Fields(value);
    }
  } catch (cause) {
    const error = new UsageError(`${name}: reading an argument threw its cause. Nothing was sent`, name);
    error.cause = cause;
    throw error;
  }
}

class Line {
  readonly flat: Argument[] = [];
  readonly #name: string;
  readonly #args: readonly unknown[];

  constructor(name: string, args: readonly unknown[]) {
    this.#name = name;
    this.#args = args;
  }

  /** Appends a scalar; says whether it is one. */
  #takes(value: unknown): boolean {
    const argument = typeof value === "string" ? value : scalarOf(value);
    if (argument === undefined) return false;
    this.flat.push(argument);
    return true;
  }

  /** Each is one. */
  scalars(from: number, to = this.#args.length): void {
    for (let i = from; i < to; i += 1) if (!this.#takes(this.#args[i])) throw this.#wrong(i, described(this.#args[i]));
  }

  /** Any number, also in arrays. */
  list(_: Grammar, at: number): void {
    for (let i = at; i < this.#args.length; i += 1) {
      const value = this.#args[i];
      if (Array.isArray(value)) this.#array(value, i);
      else this.scalars(i, i + 1);
    }
  }

  #array(array: readonly unknown[], position: number): void {
    const { flat } = this;
    for (const item of array) {
      if (typeof item === "string") flat.push(item);
      else if (!this.#takes(item)) throw this.#wrong(position, `an array that holds ${described(item)}`);
    }
  }

  /** Fields and values in turns, behind one object or not; or one array in place of all. */
  fields(_: Grammar, at: number): void {
    const value = this.#args[at];
    const count = this.#args.length - at - 1;
    if (count === 0 && Array.isArray(value)) this.#pairs(value, at);
    else if (value instanceof Fields) {
      // In the place of a field it is none: what is behind it would be its value.
      if (count % 2 === 1) throw this.#wrong(at, "an object in the place of a field");
      this.#fieldsOf(value, at);
      this.#turns(at + 1);
    } else this.#turns(at);
  }

  #turns(at: number): void {
    for (let i = at; i < this.#args.length; i += 1) {
      const value = this.#args[i];
      if (this.#takes(value)) continue;
      const role = (i - at) % 2 === 0 ? "" : `, as the value of ${shown(this.#args[i - 1], (i - at + 1) / 2)}`;
      throw this.#wrong(i, described(value) + role);
    }
  }

  #fieldsOf({ entries }: Fields, position: number): void {
    if (entries.length === 0) throw this.#wrong(position, "an object without fields");
    entries.forEach(([field, value], index) => {
      this.flat.push(field);
      if (this.#takes(value)) return;
      throw this.#wrong(position, `an object whose ${shown(field, index + 1)} is ${described(value)}`);
    });
  }

  #pairs(array: readonly unknown[], position: number): void {
    if (array.length === 0 || array.length % 2 === 1) throw this.#wrong(position, "an array that holds no pairs");
    this.#array(array, position);
  }

  /** Words with what follows them, and objects where a word may stand. */
  options({ options }: Grammar, at: number, keys = 0): void {
    const { length } = this.#args;
    // Options that may be none, as in `set(key, value, options)`.
    if (length === at + 1 && this.#args[at] === undefined) return;
    for (let i = at; i < length; i += 1) {
      const word = this.#args[i];
      if (word instanceof Fields) {
        this.#optionsOf(word, i, options, keys);
        continue;
      }
      const arity = typeof word === "string" ? options.get(word.toUpperCase()) : undefined;
      // How many values follow an option of a newer server is not known.
      const values = arity === undefined ? length : arity === "keys" ? keys : arity;
      const end = Math.min(i + 1 + values, length);
      this.scalars(i, end);
      i = end - 1;
    }
  }

  #optionsOf({ entries }: Fields, position: number, options: Grammar["options"], keys = 0): void {
    for (const [key, value] of entries) {
      const name = key.toUpperCase();
      const arity = options.get(name);
      if (arity === undefined) throw this.#wrong(position, `an object with ${unknownOption(name, options)}`, "");
      if (value === false || value === null || value === undefined) continue;
      this.flat.push(name);
      if (arity === 0) {
        if (value !== true) throw this.#wrong(position, `an object whose option ${name} is neither true nor false`, "");
        continue;
      }
      if (arity === 1) this.#setting(name, value, position);
      else this.#settings(name, value, arity === "keys" ? keys : arity, position);
    }
  }

  #settings(name: string, values: unknown, count: number, position: number): void {
    if (count === 1 && !Array.isArray(values)) this.#setting(name, values, position);
    else if (!Array.isArray(values) || values.length !== count)
      throw this.#wrong(position, `an object whose option ${name} has not ${count} values`, "");
    else for (const value of values) this.#setting(name, value, position);
  }

  #setting(name: string, value: unknown, position: number): void {
    if (!this.#takes(value)) throw this.#wrong(position, `an object whose option ${name} is ${described(value)}`);
  }

  /** Words, scores and members; an object of options before the scores; or one array of scores and members alone. */
  scores({ options }: Grammar, at: number): void {
    const value = this.#args[at];
    const count = this.#args.length - at - 1;
    if (count === 0 && Array.isArray(value)) this.#pairs(value, at);
    else if (value instanceof Fields) {
      // In the place of a score it is none.
      if (count === 0 || count % 2 === 1) throw this.#wrong(at, "an object with no scores and members behind it");
      this.#optionsOf(value, at, options);
      this.scalars(at + 1);
    } else this.scalars(at);
  }

  /** A count and so many keys, single or in an array; `more` scalars; options. */
  keys(grammar: Grammar, at: number): void {
    const { length } = this.#args;
    this.scalars(at, at + 1);
    const given = this.flat[at];
    const count = typeof given === "string" ? Number(given) : Number.NaN;
    const keys = this.#args[at + 1];
    let end = length;
    if (Array.isArray(keys)) {
      // Further values would be options.
      if (keys.length !== count)
        throw this.#wrong(at + 1, `an array of ${keys.length}, and argument ${at} says another number`, "");
      this.#array(keys, at + 1);
      end = at + 2;
    } else {
      if (count > 0) end = Math.min(at + 1 + count, length);
      this.scalars(at + 1, end);
    }
    const behind = Math.min(end + grammar.more, length);
    this.scalars(end, behind);
    if (behind < length) this.options(grammar, behind, count);
  }

  #wrong(position: number, what: string, advice?: string): UsageError {
    const isPlace = what === "an array" || what === "an object";
    const hint = advice ?? `; ${isPlace ? PLACES : ADVICE}`;
    return new UsageError(`${this.#name}: argument ${position} is ${what}${hint}. Nothing was sent`, this.#name);
  }
}

/** The argument that is sent for a value; undefined if it is not a scalar. */
function scalarOf(value: unknown): Argument | undefined {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
      return Number.isNaN(value) ? undefined : String(value);
    case "bigint":
      return String(value);
    case "object":
      return isBytes(value) && flawOf(value) === undefined ? plain(value) : undefined;
    default:
      return undefined;
  }
}

// Of the prototype, since a subclass or an own property may say something else: they tell what memory there is, know the
// bytes of other realms, and are not taken in by a proxy.
const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
const getter = (name: PropertyKey) =>
  Object.getOwnPropertyDescriptor(typedArray, name)?.get as (this: object) => unknown;
const tagOf = getter(Symbol.toStringTag);
const bufferOf = getter("buffer") as () => ArrayBuffer;
const offsetOf = getter("byteOffset") as () => number;
const lengthOf = getter("length") as () => number;
const { includes } = Uint8Array.prototype;

function isBytes(value: object | null): value is Uint8Array {
  return value !== null && tagOf.call(value) === "Uint8Array";
}

/** The same memory, of a length that does not change. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bufferOf.call(bytes), offsetOf.call(bytes), lengthOf.call(bytes));
}

/** Why bytes cannot be sent, if so. */
function flawOf(bytes: Uint8Array): string | undefined {
  const length = lengthOf.call(bytes);
  if (length > LONGEST_ARGUMENT) return TOO_LONG;
  if (length > 0) return undefined;
  try {
    includes.call(bytes, 0);
    return undefined;
  } catch {
    return "a Uint8Array that was transferred away, or whose memory was resized to less";
  }
}

/** An object literal, or one without a prototype; not an instance of anything. */
function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null || isBytes(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

/** The kind of a value, never the value. */
function described(value: unknown): string {
  if (typeof value === "boolean" || value === null || value === undefined) return String(value);
  if (typeof value === "number") return "NaN";
  if (typeof value !== "object") return `a ${typeof value}`;
  try {
    if (value instanceof Fields) return "an object";
    if (Array.isArray(value)) return "an array";
    if (isBytes(value)) return flawOf(value) as string;
    if (isPlain(value)) return "an object";
    const name: unknown = (value as object).constructor.name;
    return `an instance of ${typeof name === "string" && /^\w{1,40}$/.test(name) ? name : "a class"}`;
  } catch {
    return "an object";
  }
}

/** A field by its name, if that is one a program would give, and not data; else by its number. */
function shown(name: unknown, number: number): string {
  return typeof name === "string" && /^[\w:.]{1,40}$/.test(name) ? `field ${name}` : `field number ${number}`;
}

function unknownOption(name: string, options: Grammar["options"]): string {
  const near = nearest(name, options.keys());
  const meant = near === undefined ? `it takes ${[...options.keys()].join(", ") || "none"}` : `did you mean ${near}?`;
  return `the unknown option ${/^\w{1,40}$/.test(name) ? name : "?"} (${meant})`;
}
