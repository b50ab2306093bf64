/** The statuses of clients that have no target. */
import { messageOf } from "../core/errors.js";
import { type DisabledStatus, hopeless } from "../core/status.js";
import type { Runtime } from "../transport/runtime.js";

const today = (runtime: Runtime): number => runtime.timeOrigin() + runtime.now();

/** Of options of `with()` that make no sense. */
export function misused(runtime: Runtime, message: string): DisabledStatus {
  return hopeless("bad-option", message, "correct the option that the message names", today(runtime));
}

/** Where links belong to requests, and there is none. */
export function outsideStatus(): DisabledStatus {
  return hopeless(
    "runtime",
    "this runtime allows no connection while a module is loaded, outside of any request",
    "createClient() may stay where it is; call commands and init() from within a handler",
    // There is no clock either.
    0,
  );
}

/** Of a runtime that refuses the core, or of a module that is none; its error may have a hint of its own. */
export function brokenStatus(runtime: Runtime, error: unknown): DisabledStatus {
  const { hint } = Object(error) as { hint?: string };
  const what = messageOf(error);
  // Code for Node that runs there all the same.
  const isWorker = globalThis.navigator?.userAgent === "Cloudflare-Workers";
  return hopeless(
    "wasm",
    hint === undefined ? `this runtime does not run WebAssembly: ${what}` : what,
    hint ??
      (isWorker
        ? "Workers compile nothing from bytes: bundle edgis with the condition workerd; OpenNext does once serverExternalPackages in next.config names it"
        : "allow it: 'wasm-unsafe-eval' in the Content-Security-Policy, no --jitless"),
    today(runtime),
  );
}
