/** What keeps the cache from being used, in the words of fallbacks. */
import type { FallbackReason } from "./types.js";

/** The reason of an error of a command. */
export function reasonOf(error: unknown): FallbackReason {
  if (error instanceof ReadFailure) return error.reason;
  switch ((error as { kind?: unknown } | undefined)?.kind) {
    case "DisabledError":
      return "disabled";
    case "TimeoutError":
      return "timeout";
    case "ConnectionLostError":
    case "ProtocolError":
    case "InternalError":
      return "lost";
    default:
      return "error";
  }
}

/** Whether the server answered, with an error. */
export const isAnswer = (error: unknown): boolean => (error as { sent?: unknown } | undefined)?.sent === "yes";

/** Whether a promise came where none is taken. Nobody else listens to it, and its rejection must not end the process. */
export function isPromise(value: unknown): boolean {
  if (typeof (value as { then?: unknown } | undefined | null)?.then !== "function") return false;
  Promise.resolve(value).catch(() => {});
  return true;
}

/** For the rejection of a read: a key of another type is no entry, as MGET has it. */
export function nothingThere(error: unknown): null {
  if ((error as { code?: unknown }).code === "WRONGTYPE") return null;
  throw error;
}

/** Why a read failed that no command of its own explains. */
export class ReadFailure extends Error {
  readonly reason: FallbackReason;

  constructor(reason: FallbackReason, cause?: unknown) {
    super(`the cache could not be read (${reason})`, { cause });
    this.reason = reason;
  }
}
