/** The listeners of a client. */
import { textOfThrown } from "../core/errors.js";
import type { Status } from "../core/status.js";

type Listener = (status?: Status) => unknown;
/** Events that are emitted. */
type Event = "state" | "use";

export class Listeners {
  readonly #of = { state: new Set<Listener>(), use: new Set<Listener>() };

  /** Names that other clients have are accepted, and nothing is emitted under them. */
  add(event: string, listener: unknown, warn: (text: string) => void): void {
    if (!Object.hasOwn(this.#of, event)) return;
    if (typeof listener === "function") this.#of[event as Event].add(listener as Listener);
    else warn(`on("${event}") needs a function: nothing listens`);
  }

  delete(event: string, listener: unknown): void {
    if (Object.hasOwn(this.#of, event)) this.#of[event as Event].delete(listener as Listener);
  }

  has(event: Event): boolean {
    return this.#of[event].size > 0;
  }

  /** They are users' code: all are called, and mistakes are seen, but must not end a process because Redis went away. */
  tell(event: Event, warn: (text: string) => void, status?: Status): void {
    const failed = (error: unknown) => warn(`a "${event}" listener threw: ${textOfThrown(error)}`);
    for (const listener of this.#of[event]) {
      try {
        const given = listener(status) as { then?: unknown } | undefined;
        // It may be an async function.
        if (typeof given?.then === "function") Promise.resolve(given).catch(failed);
      } catch (error) {
        failed(error);
      }
    }
  }
}
