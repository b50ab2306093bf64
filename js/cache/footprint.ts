/**
 * What a value holds of the heap, in bytes, about as V8 lays it out on 64 bits. JSON says little about that: three characters
 * of it may be an array of 40 bytes.
 */

const SLOT = 8;
const TEXT = 24;
const OBJECT = 24;
/** Literals without fields have room for some. */
const LEAST_FIELDS = 4;
const ARRAY = 32;
const ELEMENTS = 16;
const HEAP_NUMBER = 16;
const DATE = 104;
const BYTES = 200;
const TABLE = 120;
/** The name of a field, and the shapes that objects with it need. */
const NAME = 150;
/** Names that are known to be shared by values. */
const MOST_NAMES = 10_000;

const wide = /[^\0-\xff]/;

export class Footprints {
  #names = new Set<string>();

  of(value: unknown): number {
    switch (typeof value) {
      case "string":
        return TEXT + (wide.test(value) ? 2 : 1) * value.length;
      case "number":
        return Number.isInteger(value) && Math.abs(value) < 2 ** 30 ? 0 : HEAP_NUMBER;
      case "bigint":
        return HEAP_NUMBER + value.toString(16).length / 2;
      case "object":
        return value === null ? 0 : this.#ofObject(value);
      default:
        return 0;
    }
  }

  #ofObject(value: object): number {
    if (Array.isArray(value)) {
      let bytes = value.length === 0 ? ARRAY : ARRAY + ELEMENTS;
      for (const item of value) bytes += SLOT + this.of(item);
      return bytes;
    }
    if (ArrayBuffer.isView(value)) return BYTES + value.byteLength;
    if (value instanceof Date) return DATE;
    if (value instanceof Map) {
      let bytes = TABLE + tableOf(value.size) * 3.5 * SLOT;
      for (const [key, item] of value) bytes += this.of(key) + this.of(item);
      return bytes;
    }
    if (value instanceof Set) {
      let bytes = TABLE + tableOf(value.size) * 2.5 * SLOT;
      for (const item of value) bytes += this.of(item);
      return bytes;
    }
    let fields = 0;
    let bytes = OBJECT;
    for (const name of Object.keys(value)) {
      fields += 1;
      if (!this.#names.has(name)) bytes += this.#learn(name);
      bytes += this.of((value as Record<string, unknown>)[name]);
    }
    return bytes + SLOT * Math.max(LEAST_FIELDS, fields);
  }

  #learn(name: string): number {
    if (this.#names.size >= MOST_NAMES) this.#names = new Set();
    this.#names.add(name);
    return NAME + name.length;
  }
}

/** Tables of Maps and Sets double. */
const tableOf = (size: number): number => Math.max(4, 2 ** Math.ceil(Math.log2(Math.max(1, size))));
