/**
 * The span of the event that is being handled.
 *
 * Rests on `tracing.getActiveSpan()` of `cloudflare:workers`, which is documented to give the same object however often it
 * is called; since workerd 1.20260906, whether tracing is on or off. Each request has one, and each event of a Durable
 * Object. Within a span that user code began it is that one; where modules are loaded, in the constructor of an object and
 * on older runtimes there is none.
 */
import * as workers from "cloudflare:workers";
import type { Probe } from "./probe.js";

/** The same object throughout a request, and never another's. Undefined tells nothing. */
export function activeSpan(): object | undefined {
  return workers.tracing?.getActiveSpan?.();
}

/** To read a span's state in another request throws, whatever the compatibility date. */
export function spanProbe(): Probe | undefined {
  const span = workers.tracing?.getActiveSpan?.();
  if (span === undefined) return undefined;
  return () => {
    try {
      // Its value does not matter: that there is one does.
      return span.isTraced !== null;
    } catch {
      return false;
    }
  };
}
