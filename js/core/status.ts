/** The public view of a target. */

/** Where a target stands. */
export type State = "idle" | "connecting" | "ready" | "disabled" | "closed";

/** Why a target is disabled, or why its link was lost. */
export type Reason = (typeof REASONS)[number] | "closed" | "queue-full" | "no-tcp";

import type { REASONS } from "./abi.js";

interface Common {
  /** Dials that failed since the last success. */
  attempts: number;
  /** Since when it is in this state, in milliseconds since the epoch. */
  since: number;
  /** The address that answered, or the one whose failure tells most. */
  address?: string;
}

/** A target that is not used yet, or was unused for so long that its link was closed. */
export interface IdleStatus extends Common {
  state: "idle";
}

/** A dial is under way and commands wait for it. After a lost link, with what happened to that. */
export interface ConnectingStatus extends Common {
  state: "connecting";
  reason?: Reason;
  message?: string;
  hint?: string;
}

/** Commands are written. */
export interface ReadyStatus extends Common {
  state: "ready";
}

/** The last dial failed: commands reject at once, unless they ask to wait. */
export interface DisabledStatus extends Common {
  state: "disabled";
  reason: Reason;
  /** Describes what happened, with every address that was tried. No secrets. */
  message: string;
  /** The fix. */
  hint: string;
  /** Whether it is dialled again without anybody changing the configuration. */
  retryable: boolean;
  /** The next command after this moment starts a dial, in milliseconds since the epoch. Absent when not retryable. */
  retryAt?: number;
}

/** The last handle was closed. */
export interface ClosedStatus extends Common {
  state: "closed";
}

/** Where a target stands; `state` tells which fields there are. */
export type Status = IdleStatus | ConnectingStatus | ReadyStatus | DisabledStatus | ClosedStatus;

/** Counters so far. Those of the target are shared by all its handles. */
export interface Stats {
  /** Dials begun. */
  dials: number;
  /** Callers that joined a connection promise of another caller. */
  joins: number;
  /** Links that became ready. */
  connects: number;
  stateChanges: number;
  /** Commands accepted, refused or rejected. */
  commands: number;
  /** Commands whose deadline passed. */
  timeouts: number;
  /** Commands rejected because the target was disabled: how often the app ran without Redis. */
  disabled: number;
  /** Read-only commands that were sent again after their link had died. */
  resent: number;
  /** Workers: writes that the runtime refused because their link was another request's; 0 unless it tells edgis nothing. */
  refused: number;
  bytesIn: number;
  bytesOut: number;
  /** Messages of the server that answer no command and that nothing here wants; they are dropped. */
  pushesDropped: number;
  /** Writes to sockets. */
  writes: number;
  /** Handles that are open. */
  handles: number;
  /** Commands that are not settled, of all targets of the process. */
  pending: number;
  /** Calls into the core, of all targets of the process. */
  crossings: number;
  /** Bytes of linear memory of the core, which all targets of the process share. */
  memoryBytes: number;
}

/** Disabled for ever: nothing but a change of what the user has set up can help. */
export function hopeless(
  reason: DisabledStatus["reason"],
  message: string,
  hint: string,
  since: number,
): DisabledStatus {
  return { state: "disabled", reason, message, hint, retryable: false, attempts: 0, since };
}

/** A server's words must not end a line of a log, nor move the cursor of a terminal. */
export function inOneLine(text: string): string {
  const escaped = (letter: string) =>
    letter === "\n" ? "\\n" : `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, escaped);
}
