/** Reads what users hand over. */

/**
 * Those of the named properties that an object has by itself or by its class, on an object without a prototype. What was
 * added to `Object.prototype`, as a flaw in another package may let anybody do, must not decide where a link leads to.
 */
export function own<T extends object>(object: T, names: readonly string[]): T {
  const found: Record<string, unknown> = Object.create(null);
  for (const name of names) {
    let at: object | null = object;
    while (at !== null && !Object.hasOwn(at, name)) at = Object.getPrototypeOf(at);
    // All objects end in one that has no prototype; one may be that itself.
    if (at !== null && (at === object || Object.getPrototypeOf(at) !== null))
      found[name] = (object as Record<string, unknown>)[name];
  }
  return found as T;
}

/** Objects in one that inherits nothing. */
export const bare = <T extends object>(...objects: Partial<T>[]): T => Object.assign(Object.create(null), ...objects);
