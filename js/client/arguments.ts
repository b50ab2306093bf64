/** Turns what callers pass into what Redis takes, or says which argument it is that cannot be. */
import { UsageError } from "../core/errors.js";
import type { Argument } from "../loop/stage.js";

/** One value of a command. */
export type Value = string | number | bigint | Uint8Array;

/**
 * What `call` takes besides plain values: arrays are flattened; objects become their keys and values in order, where
 * `true` gives the key alone and `false`, `null` and `undefined` leave it out. So `{ EX: 60, NX: true }` is `EX 60 NX`.
 */
export type CommandArgument = Value | readonly CommandArgument[] | { readonly [key: string]: OptionValue };

/** A value in an object among the arguments. */
export type OptionValue = Value | boolean | null | undefined | readonly Value[];

/** What servers take by default. */
const LONGEST_ARGUMENT = 512 << 20;
/** More than any command's, and little enough to stand in one piece anywhere. */
const LONGEST_NAME = 256;

/** The flat arguments of a command whose name is the first. Throws `UsageError`. */
export function flatten(args: readonly unknown[]): Argument[] {
  const flat: Argument[] = [];
  const name = args[0];
  if (typeof name !== "string" || name === "") {
    throw new UsageError('the first argument must be the name of a command, as in call("GET", "key")');
  }
  if (name.length > LONGEST_NAME) {
    throw new UsageError(
      `the first argument has ${name.length} characters, which is more than the name of any command`,
    );
  }
  for (let i = 0; i < args.length; i += 1) append(flat, args[i], name, i, 0);
  return flat;
}

function append(flat: Argument[], value: unknown, name: string, position: number, depth: number): void {
  switch (typeof value) {
    case "string":
      flat.push(value);
      return;
    case "number":
      if (Number.isNaN(value)) throw wrong(name, position, "NaN");
      flat.push(Object.is(value, -0) ? "0" : String(value));
      return;
    case "bigint":
      flat.push(String(value));
      return;
    case "object":
      if (value instanceof Uint8Array && ArrayBuffer.isView(value)) {
        if (value.length === 0 && isDetached(value))
          throw wrong(name, position, "a Uint8Array that was transferred away");
        if (value.length > LONGEST_ARGUMENT) throw wrong(name, position, "more than 512 MiB (proto-max-bulk-len)");
        flat.push(value);
        return;
      }
      if (Array.isArray(value) && depth < 8) {
        for (const item of value) append(flat, item, name, position, depth + 1);
        return;
      }
      if (!isPlain(value)) throw wrong(name, position, described(value));
      appendFields(flat, value, name, position, depth);
      return;
    default:
      throw wrong(name, position, typeof value);
  }
}

function appendFields(flat: Argument[], object: object, name: string, position: number, depth: number): void {
  for (const [key, value] of Object.entries(object)) {
    if (value === false || value === null || value === undefined) continue;
    flat.push(key);
    if (value === true) continue;
    if (isPlain(value)) throw wrong(name, position, "an object inside an object");
    append(flat, value, name, position, depth + 1);
  }
}

/** Whether its memory is another thread's by now. */
function isDetached({ buffer }: Uint8Array): boolean {
  try {
    return new Uint8Array(buffer).length < 0;
  } catch {
    return true;
  }
}

/** An object literal, or one without a prototype; not an instance of anything. */
function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

/** The kind of a value, never the value. */
function described(value: object | null): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array nested too deeply";
  const name: unknown = (value.constructor as { name?: unknown } | undefined)?.name;
  return `an instance of ${typeof name === "string" && name !== "" ? name : "a class"}`;
}

function wrong(name: string, position: number, what: string): UsageError {
  const where = position === 0 ? "its name" : `argument ${position}`;
  const advice = "pass a string, number, bigint or Uint8Array (a plain object or an array of them is flattened)";
  return new UsageError(`${name}: ${where} is ${what}; ${advice}. Nothing was sent`, name);
}
