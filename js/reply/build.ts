/** Builds the values of nested replies from their tokens, across as many chunks as they take. */
import * as abi from "../core/abi.js";
import { ReplyError } from "../core/errors.js";
import { type Fields, putField } from "./fields.js";
import type { TextReader } from "./text.js";
import { bigInteger, integer, parseDouble } from "./values.js";

/** The forms in which a caller wants its reply. */
export const MODE = { Text: 0, Bytes: 1, BigIntegers: 2 } as const;

interface Frame {
  readonly array: unknown[] | null;
  readonly fields: Fields | null;
  /** Of a map's field whose value comes next. */
  key: unknown;
  /** Of a map so many keys and values: where it is even, a key comes. */
  left: number;
}

/** Makes a value of the bytes `start..end` of received memory, which are only lent. `reader` decodes texts among them. */
export type Take = (reader: TextReader, memory: Uint8Array, start: number, end: number) => unknown;

/** How a caller wants its reply. */
export interface Form {
  readonly mode: number;
  /** Makes what comes in place of byte strings, but of large ones. */
  readonly take: Take | undefined;
}

/** The value of a scalar token. `at` is the address that its offsets count from. */
export function scalar(
  reader: TextReader,
  memory: Uint8Array,
  at: number,
  head: number,
  a: number,
  b: number,
  { mode, take }: Form,
): unknown {
  switch (head & 0xff) {
    case abi.KIND_BULK:
    case abi.KIND_VERBATIM:
      if (mode & MODE.Bytes) {
        return take === undefined ? memory.slice(at + a, at + b) : take(reader, memory, at + a, at + b);
      }
      return (head >>> 8) & abi.FLAG_ASCII ? reader.ascii(at + a, at + b) : reader.utf8(at + a, at + b);
    case abi.KIND_SIMPLE:
      if (b - a === 2 && memory[at + a] === 0x4f && memory[at + a + 1] === 0x4b) return "OK";
      return reader.utf8(at + a, at + b);
    case abi.KIND_NULL:
      return null;
    case abi.KIND_INT:
      if (mode & MODE.BigIntegers) return bigInteger(a, b);
      return b === 0 ? a : integer(a, b);
    case abi.KIND_DOUBLE:
      return parseDouble(reader.ascii(at + a, at + b));
    case abi.KIND_BOOL:
      return a === 1;
    case abi.KIND_BIG_NUMBER:
      return BigInt(reader.ascii(at + a, at + b));
    default:
      return new ReplyError(reader.utf8(at + a, at + b));
  }
}

/** A map that is empty as yet. */
export const newFields = (mode: number): Fields => (mode & MODE.Bytes ? new Map() : {});

/** A reply in the making. */
export class Builder {
  readonly #frames: Frame[] = [];

  /** An aggregate begins. Gives the finished value when it is empty and completes the reply. */
  open(kind: number, count: number, mode: number): { value: unknown } | undefined {
    const isMap = kind === abi.KIND_MAP;
    const array: unknown[] | null = isMap ? null : [];
    const fields = isMap ? newFields(mode) : null;
    if (count === 0) return this.add(array ?? fields);
    this.#frames.push({ array, fields, key: undefined, left: isMap ? 2 * count : count });
    return undefined;
  }

  /** A value is there. Gives the finished reply when it was the last one. */
  add(value: unknown): { value: unknown } | undefined {
    let done = value;
    for (;;) {
      const frame = this.#frames.at(-1);
      if (frame === undefined) return { value: done };
      if (frame.array !== null) {
        frame.array.push(done);
      } else if (frame.left % 2 === 0) {
        frame.key = done;
      } else {
        putField(frame.fields as Fields, frame.key, done);
      }
      frame.left -= 1;
      if (frame.left > 0) return undefined;
      this.#frames.pop();
      done = frame.array ?? frame.fields;
    }
  }

  /** Forgets what is in the making. */
  reset(): void {
    this.#frames.length = 0;
  }
}
