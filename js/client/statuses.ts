/** The statuses of clients that have no target. */
import { messageOf } from "../core/errors.js";
import { type DisabledStatus, hopeless } from "../core/status.js";
import type { Runtime } from "../transport/runtime.js";

const today = (runtime: Runtime): number => runtime.timeOrigin() + runtime.now();

/** For invalid options of `with()`. */
export function misused(runtime: Runtime, message: string): DisabledStatus {
  return hopeless("bad-option", message, "correct the option that the message names", today(runtime));
}

/** For a use outside of any request, where links belong to requests. */
export function outsideStatus(): DisabledStatus {
  return hopeless(
    "runtime",
    "this runtime allows no connection while a module is loaded, outside of any request",
    "createClient() may stay where it is; call commands and init() from within a handler",
    // Workers have no clock there.
    0,
  );
}

/** For a runtime that refuses the core, or an import that is not a module; the error may carry its own hint. */
export function brokenStatus(runtime: Runtime, error: unknown): DisabledStatus {
  const { hint } = Object(error) as { hint?: string };
  const what = messageOf(error);
  // The bundle for Node may run on Workers by mistake.
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
