/** Makes the errors of commands that end without a reply. */
import * as abi from "../core/abi.js";
import {
  AuthError,
  ConfigError,
  ConnectError,
  ConnectionLostError,
  DisabledError,
  InternalError,
  messageOf,
  ProtocolError,
  type RedisError,
  TimeoutError,
  UsageError,
} from "../core/errors.js";
import type { DisabledStatus, Status } from "../core/status.js";
import type { Handle, Policy, Target } from "./target.js";

/** The error of a `REJECT` row. `refusal` looks up why a command was refused. */
export function failure(
  target: Target,
  status: Status,
  command: string,
  policy: Policy,
  kind: number,
  detail: number,
  sentNumber: number,
  refusal: (code: number) => string,
): RedisError {
  const sent = sentNumber === abi.SENT_NO ? "no" : "maybe";
  const details = { command, target: target.display, sent } as const;
  const where = `${command}: `;
  switch (kind) {
    case abi.FAILURE_REFUSED:
      return new UsageError(`${command} ${refusal(detail)}`, command);
    case abi.FAILURE_TIMEOUT: {
      const phase = detail === abi.PHASE_CONNECT ? "connect" : detail === abi.PHASE_QUEUE ? "queue" : "reply";
      // There is a connection, and it took nothing.
      const isHeld = phase === "queue" && status.state === "ready";
      const [name, limit] =
        phase === "reply" || isHeld ? ["timeouts.command", policy.command] : ["timeouts.connect", policy.connect];
      const budget = `${policy.total ? "timeout" : name}, ${limit} ms`;
      const text = {
        connect: `no connection to ${target.display} in time (${budget})`,
        queue: isHeld
          ? `the connection to ${target.display} took no more commands in time (${budget}); nothing was sent`
          : `waited too long for a connection to ${target.display} (${budget})`,
        reply: `no reply from ${target.display} in time (${budget}); the server may have executed it`,
      }[phase];
      // What kept it waiting, where that is known.
      const cause = phase !== "reply" && "reason" in status ? unreachable(status, target) : undefined;
      return new TimeoutError(where + text, phase, { ...details, cause });
    }
    case abi.FAILURE_FULL: {
      const limit = ["limits.staged", "limits.stagedBytes", "limits.pending"][detail];
      const text = `too much waits for ${target.display} (${limit}); nothing was sent`;
      return new DisabledError(where + text, "queue-full", details);
    }
    case abi.FAILURE_TOO_LARGE: {
      const what = detail === 0 ? "holds a text longer than limits.bulk" : "is nested deeper than limits.nesting";
      const text = `${where}the reply ${what} allows; it was read and dropped, and the connection goes on`;
      return new ProtocolError(text, { ...details, sent: "yes" });
    }
    case abi.FAILURE_CLOSED:
      return new DisabledError(
        `${where}the client was closed${sent === "no" ? "" : " before the reply; the server may have executed it"}`,
        "closed",
        details,
      );
    case abi.FAILURE_PROTOCOL: {
      // The status says what was wrong with it: not RESP, or more than the limits allow.
      const told = (status as Partial<DisabledStatus>).message ?? `${target.display} sent bytes that are not RESP`;
      const text = `${told}; the connection was closed and is dialled again`;
      return new ProtocolError(where + text, { ...details, retry: true });
    }
    case abi.FAILURE_DISABLED:
      // The last dial of a client that is being closed: the core has forgotten the target by now.
      if (status.state === "closed") {
        const reason = abi.REASONS[detail] ?? "closed";
        const text = `no connection to ${target.display} could be made (${reason}), and the client was closed`;
        return new DisabledError(where + text, reason, details);
      }
      return disabled(status, target, command, sent);
    default: {
      const text = `the connection to ${target.display} was lost before the reply; the server may have executed it`;
      return new ConnectionLostError(where + text, abi.REASONS[detail] ?? "reset", { ...details, retry: true });
    }
  }
}

/** The error of a command whose bytes were gone before they could be written. */
export function unreadable(command: string): UsageError {
  const text = `${command}: the bytes of an argument were transferred away or resized before the end of the tick. Nothing was sent`;
  return new UsageError(text, command);
}

/** The error of a command for which there is no place: more wait in this thread than tags can tell apart. */
export function noPlace({ target }: Handle, command: string): DisabledError {
  const text = `${command}: two million commands wait in this thread; nothing was sent`;
  return new DisabledError(text, "queue-full", { command, target: target.display, sent: "no" });
}

/** The error of a command, or of `ready()`, on a disabled target. */
export function disabled(
  status: Status,
  target: { display: string },
  command?: string,
  sent: "no" | "maybe" = "no",
): DisabledError {
  const cause = unreachable(status, target);
  const told = status as Partial<DisabledStatus>;
  const text = `Redis is disabled (${told.reason}): ${ended(told.message)} ${told.hint}`;
  const prefix = command === undefined ? "" : `${command}: `;
  return new DisabledError(prefix + text, told.reason ?? "closed", {
    command,
    target: target.display,
    sent,
    retry: told.retryable ?? false,
    cause,
  });
}

/** Why a target cannot be reached. */
export function unreachable(status: Status, target: { display: string }): RedisError {
  const told = status as Partial<DisabledStatus>;
  const details = { target: target.display, retry: told.retryable ?? false };
  const text = `${ended(told.message)} ${told.hint}`;
  const reason = told.reason ?? "reset";
  if (reason === "auth") return new AuthError(text, details);
  // Nothing was dialled.
  return /^bad-|^unconf/.test(reason)
    ? new ConfigError(text, { ...details, code: "EDGIS_CONFIG" })
    : new ConnectError(text, reason, details);
}

/** A sentence that ends once. */
export const ended = (text = ""): string => (text.endsWith(".") ? text : `${text}.`);

/** The core died with the command in it. */
export function died(command: string, cause: unknown): InternalError {
  const text = `${command}: edgis failed internally and starts anew; the server may have executed the command. Please report it`;
  return new InternalError(text, { command, sent: "maybe", retry: true, cause });
}

/**
 * The server answered, and of its reply no value could be made: most likely because memory ran out. It costs the one command.
 */
export function unusable(command: string, target: string, cause: unknown): InternalError {
  const short = cause instanceof RangeError ? "there is not enough memory for it" : "edgis failed, please report it";
  const text = `${command}: no value could be made of the reply (${messageOf(cause)}): ${short}. The server has executed the command`;
  return new InternalError(text, { command, target, sent: "yes", cause });
}
