/**
 * The option `stacks`: what a command rejects with names the line that called it. The engine makes its errors when the
 * caller is long gone from the stack, so the frames are taken at the call, which costs more than the call itself.
 */
import { isRedisError, ReplyError, UsageError } from "../core/errors.js";
import type { Argument } from "../loop/stage.js";

/** How a client sends, whatever it is called with. */
interface Sends {
  send(flat: readonly Argument[]): Promise<unknown>;
  send1(name: string, staged: string, a: string): Promise<unknown>;
  send2(name: string, staged: string, a: string, b: string): Promise<unknown>;
}

/** Lets all calls of a client go one way, which takes the frames of each. For all others nothing is to be asked at a call. */
export function traceCalls(client: Sends): void {
  const { send } = client;
  const traced = (flat: readonly Argument[]): Promise<unknown> => {
    const here: { stack?: string } = {};
    // Not in a tail call, of which Bun leaves no frame.
    Error.captureStackTrace?.(here, traced);
    return named(send.call(client, flat), here);
  };
  const ways: Sends = {
    send: traced,
    send1: (name, _, a) => traced([name, a]),
    send2: (name, _, a, b) => traced([name, a, b]),
  };
  for (const [name, value] of Object.entries(ways)) Object.defineProperty(client, name, { value });
}

/** The outcome of a call; adds the caller's frames to its error. Rejections that need no listener still need none. */
function named(promise: Promise<unknown>, here: { stack?: string }): Promise<unknown> {
  const outcome = promise.then(undefined, (error: unknown) => {
    if (isRedisError(error)) {
      // Only here it is made text.
      const frames = here.stack?.slice(here.stack.indexOf("\n    at ")) ?? "";
      const value = `${error.name}: ${error.message}${frames}`;
      Object.defineProperty(error, "stack", { value, writable: true, configurable: true });
    }
    if (!(error instanceof ReplyError || error instanceof UsageError)) outcome.catch(() => {});
    throw error;
  });
  return outcome;
}
