/** Calls under a signal that has spoken already, or that may not be asked. */
import { ReplyError, UsageError } from "../core/errors.js";

/** Marks a rejection as handled: it needs no listener, like every rejection because Redis is away. */
export function forgiven(rejected: Promise<never>): Promise<never> {
  rejected.catch(() => {});
  return rejected;
}

/** The rejection of a command if its signal is already aborted. */
export function endedBy(signal: AbortSignal, command: string): Promise<never> | undefined {
  try {
    return signal.aborted ? forgiven(Promise.reject(signal.reason)) : undefined;
  } catch (cause) {
    // Where signals belong to requests.
    const error = new UsageError(`${command}: the signal is another request's; nothing was sent`, command);
    error.cause = cause;
    return Promise.reject(error);
  }
}

/**
 * The outcome of a call under a signal, as a promise of its own: the code that ends the call listens to the first one, which
 * would hide a mistake that no caller handles. Rejections that need no listener still need none.
 */
export function underSignal(promise: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  const outcome = promise.then(undefined, (error: unknown) => {
    const isMistake = error instanceof ReplyError || error instanceof UsageError;
    if (!isMistake || error === signal.reason) outcome.catch(() => {});
    throw error;
  });
  return outcome;
}
