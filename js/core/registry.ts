/**
 * Where all copies of the package in a thread find the one engine. The number is that of the interface between a copy's
 * front and the engine: it is raised when that breaks, and copies with different numbers have engines of their own.
 */
const key = Symbol.for("edgis.engine.1");

/** The engine, made by `make` when there is none. Synchronous from end to end: there is nothing to race for. */
export function engineOf<E>(make: () => E): E {
  const global = globalThis as Record<symbol, unknown>;
  const found = global[key] as E | undefined;
  if (found !== undefined) return found;
  const made = make();
  // Not enumerable, and replaceable only on purpose. A getter: of what globals hold as a value Jest takes the properties
  // away after a file of tests, while sockets of that file may still be open.
  Object.defineProperty(globalThis, key, { get: () => made, configurable: true, enumerable: false });
  return made;
}

/** The engine, if there is one already. */
export function engineIfAny<E>(): E | undefined {
  return (globalThis as Record<symbol, unknown>)[key] as E | undefined;
}
