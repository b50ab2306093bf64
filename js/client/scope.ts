/** The explicit form of what is found by itself on runtimes where links belong to requests. */
import { UsageError } from "../core/errors.js";
import { engineIfAny, engineOf } from "../core/registry.js";
import { releaseAll } from "../loop/attach.js";
import { Engine, type Platform } from "../loop/engine.js";
import type { Scope } from "../loop/scope.js";

/** What is used of the context of a request or of a Durable Object. */
export interface RequestContext {
  waitUntil(promise: Promise<unknown>): void;
}

/**
 * Runs a function within a request: its links are closed as soon as the function has ended, instead of when the runtime
 * ends the request, and the request is kept alive by `context` while commands are pending. Gives what the function gives.
 *
 * Nothing needs it: without it requests are told apart all the same. Rejects where there is no request, and with what
 * the function throws.
 */
export type RunInScope = <T>(context: RequestContext, run: () => T | Promise<T>) => Promise<T>;

/** @internal `scope` for a platform. */
export function bindScope(runtime: Platform): RunInScope {
  return async (context, run) => {
    if (runtime.isInRequest?.() === false) {
      throw new UsageError("scope() is for handlers: there is no request while a module is loaded");
    }
    const engine = engineOf(() => new Engine(runtime));
    const scope = engine.requests?.explicit() ?? engine.here();
    const { request } = scope;
    if (request === undefined) return run();
    request.keepAliveBy((promise) => context.waitUntil(promise));
    request.runs += 1;
    try {
      return await (runtime.runFlow?.(scope, run) ?? run());
    } finally {
      request.runs -= 1;
      // Of an object's requests that run side by side the last one closes.
      if (request.runs === 0) releaseAll(engine, scope);
    }
  };
}

/** @internal Where an object is: it need not be looked for among the requests that are in its isolate. */
export class Place {
  #scope: Scope | undefined;

  /** The code of the object runs now: call it before its client is used. */
  enter(): void {
    if (this.#scope !== undefined) engineIfAny<Engine>()?.requests?.use(this.#scope);
  }

  /** Its client has been used. Its links are closed when it has done nothing for so many milliseconds. */
  used(idleAfter: number): void {
    this.#scope = engineIfAny<Engine>()?.requests?.known();
    const request = this.#scope?.request;
    if (request === undefined) return;
    request.isPlace = true;
    request.idleAfter = idleAfter;
  }
}
