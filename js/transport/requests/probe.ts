/**
 * Which request is here. Nothing says so on every runtime, so there are several layers, each with a file of its own that says
 * what it rests on. All of them are asked for nothing but a look: to touch another request's socket would damage it.
 */
import { pairProbe } from "./pair.js";
import { snapshotProbe } from "./snapshot.js";
import { spanProbe } from "./span.js";

/** Whether the request that made it is here. `false` is certain; `true` may be said by a layer that this runtime lacks. */
export type Probe = () => boolean;

/** Marks the current request. Any layer that says "another" is believed. Throws outside of a request. */
export function mark(): Probe {
  const probes = [pairProbe(), spanProbe(), snapshotProbe()].filter((probe) => probe !== undefined);
  return () => {
    for (const probe of probes) if (!probe()) return false;
    return true;
  };
}

/** Whether the running code is in a request: while modules load there are no timers, as documented. */
export function isInRequest(): boolean {
  try {
    clearTimeout(setTimeout(() => {}, 0));
    return true;
  } catch {
    return false;
  }
}
