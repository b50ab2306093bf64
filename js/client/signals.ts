/** Calls under a signal that has spoken already, or that may not be asked. */
import { ReplyError, UsageError } from "../core/errors.js";

/** A rejection that nobody need listen for, like every one for want of Redis. */
export function forgiven(rejected: Promise<never>): Promise<never> {
  rejected.catch(() => {});
  return rejected;
}

/** What a command rejects with before it is staged, if the signal has it so. */
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
 * The outcome of a call under a signal, on a promise of its own: whoever ends the call listens to the first, and a mistake in
 * a call should be seen when nobody awaits it. What nobody need listen for stays so.
 */
export function underSignal(promise: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  const outcome = promise.then(undefined, (error: unknown) => {
    const isMistake = error instanceof ReplyError || error instanceof UsageError;
    if (!isMistake || error === signal.reason) outcome.catch(() => {});
    throw error;
  });
  return outcome;
}
