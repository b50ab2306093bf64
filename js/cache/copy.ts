/** Copies of what the codec of the package makes: what a caller changes must not change what others get. */
import { setField } from "../reply/fields.js";

/**
 * Undefined for an object of any other kind, or that has one in it.
 *
 * @param isForeign another codec may have made it, which can also make what is in several places, or in itself
 */
export function copy(value: unknown, isForeign = false): unknown {
  const made = copied(value, isForeign ? new Set() : undefined);
  return made === FOREIGN ? undefined : made;
}

const FOREIGN = Symbol("not ours to copy");

function copied(value: unknown, seen: Set<object> | undefined): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (seen?.has(value)) return FOREIGN;
  seen?.add(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype) return copiedFields(value as Record<string, unknown>, seen);
  if (prototype === Array.prototype) {
    const list = value as unknown[];
    if (seen !== undefined && Object.keys(list).length !== list.length) return FOREIGN;
    const own = new Array<unknown>(list.length);
    for (let i = 0; i < own.length; i += 1) {
      const item = copied(list[i], seen);
      if (item === FOREIGN) return FOREIGN;
      own[i] = item;
    }
    return own;
  }
  if (prototype === Uint8Array.prototype) return (value as Uint8Array).slice();
  if (prototype === Date.prototype) return new Date((value as Date).getTime());
  if (prototype === Map.prototype) {
    const entries = copied([...(value as Map<unknown, unknown>)], seen);
    return entries === FOREIGN ? FOREIGN : new Map(entries as [unknown, unknown][]);
  }
  if (prototype === Set.prototype) {
    const items = copied([...(value as Set<unknown>)], seen);
    return items === FOREIGN ? FOREIGN : new Set(items as unknown[]);
  }
  return FOREIGN;
}

function copiedFields(object: Record<string, unknown>, seen: Set<object> | undefined): unknown {
  const own: Record<string, unknown> = {};
  for (const key in object) {
    const field = object[key];
    const item = typeof field === "object" ? copied(field, seen) : field;
    if (item === FOREIGN) return FOREIGN;
    if (key === "__proto__") setField(own, key, item);
    else own[key] = item;
  }
  return own;
}
