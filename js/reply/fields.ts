/** Builds the maps of replies: objects, or instances of `Map` where keys are bytes, which cannot name properties. */

/** A map in the making. */
export type Fields = Record<string, unknown> | Map<unknown, unknown>;

/**
 * An own property, whatever its name is and whatever an app has done to prototypes. An assignment would be refused where
 * the prototype that has such a name is frozen, and would run a setter that it has: `constructor`, `__proto__`.
 */
export function setField(object: object, key: string, value: unknown): void {
  if (key in object) {
    const property = { __proto__: null, value, writable: true, enumerable: true, configurable: true };
    Object.defineProperty(object, key, property as PropertyDescriptor);
  } else {
    (object as Record<string, unknown>)[key] = value;
  }
}

/** Puts a field into either. */
export function putField(fields: Fields, key: unknown, value: unknown): void {
  if (fields instanceof Map) fields.set(key, value);
  else setField(fields, textOf(key), value);
}

/** The text of what is a key or a number, whatever it is. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Uint8Array) return decoder.decode(value);
  return typeof value === "object" && value !== null ? JSON.stringify(value, exactly) : String(value);
}

/** A mark at the beginning is part of the text. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** JSON has no integers beyond those of a double. */
const exactly = (_: string, value: unknown): unknown => (typeof value === "bigint" ? String(value) : value);
