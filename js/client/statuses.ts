/** The statuses of clients that have no target. */
import type { DisabledStatus } from "../core/status.js";
import type { Runtime } from "../transport/types.js";

/** Of options of `with()` that make no sense. */
export function misused(runtime: Runtime, message: string): DisabledStatus {
  const since = runtime.timeOrigin() + runtime.now();
  const hint = "correct the option that the message names";
  return { state: "disabled", reason: "bad-option", message, hint, retryable: false, attempts: 0, since };
}

/** Where links belong to requests, and there is none. */
export function outsideStatus(runtime: Runtime): DisabledStatus {
  return {
    state: "disabled",
    reason: "runtime",
    message: "this runtime allows no connection while a module is loaded, outside of any request",
    hint: "createClient() may stay where it is; call commands and init() from within a handler",
    retryable: false,
    attempts: 0,
    since: runtime.timeOrigin() + runtime.now(),
  };
}

/** Of a runtime that refuses the core, or of a module that is none; its error may have a hint of its own. */
export function brokenStatus(runtime: Runtime, error: unknown): DisabledStatus {
  const { hint } = Object(error) as { hint?: string };
  const what = error instanceof Error ? error.message : String(error);
  return {
    state: "disabled",
    reason: "wasm",
    message: hint === undefined ? `this runtime does not run WebAssembly: ${what}` : what,
    hint: hint ?? "allow it: 'wasm-unsafe-eval' in the Content-Security-Policy, no --jitless",
    retryable: false,
    attempts: 0,
    since: runtime.timeOrigin() + runtime.now(),
  };
}
