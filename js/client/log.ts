/** One line a state change, and fewer while a link flaps. */
import { inOneLine, type Status } from "../core/status.js";
import { ended } from "../loop/failures.js";
import type { Logger } from "./types.js";

/** Lines within the window before the rest is only counted. */
const LINES = 6;
const WINDOW = 30_000;

export class StateLog {
  readonly #logger: Logger;
  readonly #times: number[] = [];
  #suppressed = 0;

  readonly waits: boolean;
  readonly #toStderr: boolean;

  constructor(logger: Logger, { stderr = false }: { readonly stderr?: boolean }) {
    this.#logger = logger;
    this.waits = logger === console;
    this.#toStderr = stderr && this.waits;
  }

  /** `who` says whose state it is, `story` what led to it. */
  changed(status: Status, display: string, who: string, story: string): void {
    while ((this.#times[0] ?? status.since) < status.since - WINDOW) this.#times.shift();
    if (this.#times.length >= LINES) {
      this.#suppressed += 1;
      return;
    }
    this.#times.push(status.since);
    const before = this.#suppressed > 0 ? ` (${this.#suppressed} state changes were not logged)` : "";
    this.#suppressed = 0;
    const isBad = status.state === "disabled" || (status.state === "connecting" && status.reason !== undefined);
    this.#say(isBad ? "warn" : "info", `[edgis] ${sentence(status, display)} (${who}, ${story})${before}`);
  }

  /** Warns about something other than a change of state. */
  warn(line: string): void {
    this.#say("warn", `[edgis] ${line}`);
  }

  /** A logger that throws, or rejects, must not make Redis fail, nor end the process. */
  #say(level: keyof Logger, line: string): void {
    try {
      // Standard output is the program's: others may read what it writes there.
      const given = this.#logger[this.#toStderr ? "warn" : level](inOneLine(line)) as { then?: unknown } | undefined;
      if (typeof given?.then === "function") Promise.resolve(given).catch(() => {});
    } catch {
      // It has no better place to say so.
    }
  }
}

function sentence(status: Status, display: string): string {
  switch (status.state) {
    case "connecting":
      return status.message === undefined ? `connecting to ${display}` : `${status.message}; connecting to ${display}`;
    case "ready":
      return `ready: connected to ${status.address ?? display}`;
    case "disabled":
      return `disabled (${status.reason}): ${ended(status.message)} Commands are rejected, the app runs without Redis. ${status.hint}`;
    default:
      return `${status.state}: ${display}`;
  }
}
