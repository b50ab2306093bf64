/** The errors that edgis rejects with. No message carries an argument or a secret. */

/** Whether the server may have seen the command: `no` it never left, `maybe` its fate is unknown, `yes` it answered. */
export type Sent = "no" | "maybe" | "yes";

/** The classes of errors. */
export type ErrorKind =
  | "ConfigError"
  | "UsageError"
  | "DisabledError"
  | "ConnectError"
  | "AuthError"
  | "ConnectionLostError"
  | "TimeoutError"
  | "ProtocolError"
  | "ReplyError"
  | "InternalError";

/** Details of a failure besides its message. */
export interface ErrorDetails {
  /** Default: the one of the class. */
  code?: string;
  /** Whether edgis itself tries again: another dial, not the command. */
  retry?: boolean;
  sent?: Sent;
  /** The command's name, never its arguments. */
  command?: string | undefined;
  /** The address, without credentials. */
  target?: string | undefined;
  cause?: unknown;
}

/** `EDGIS_CONNECTION_LOST` of a ConnectionLostError. */
const codeOf = (kind: ErrorKind): string => {
  let code = codes.get(kind);
  if (code === undefined) {
    code = `EDGIS${kind.slice(0, -5).replace(/[A-Z]/g, "_$&").toUpperCase()}`;
    codes.set(kind, code);
  }
  return code;
};
const codes = new Map<ErrorKind, string>();

const brand = Symbol.for("edgis.error");

/** The base of all errors of edgis. */
export class RedisError extends Error {
  /** The name of the class, for `switch`. */
  readonly kind: ErrorKind;
  /** A code that does not change between versions, as in `EDGIS_TIMEOUT`; a `ReplyError` has the server's prefix. */
  readonly code: string;
  readonly retry: boolean;
  readonly sent: Sent;
  readonly command: string | undefined;
  readonly target: string | undefined;

  constructor(kind: ErrorKind, message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.code = details.code ?? codeOf(kind);
    this.retry = details.retry ?? false;
    this.sent = details.sent ?? "no";
    this.command = details.command;
    this.target = details.target;
  }

  get [brand](): true {
    return true;
  }

  override get name(): string {
    return this.kind;
  }
}

/** Any error of edgis; `kind` tells which, and what else it has. */
export type AnyRedisError =
  | ConfigError
  | UsageError
  | DisabledError
  | ConnectError
  | AuthError
  | ConnectionLostError
  | TimeoutError
  | ProtocolError
  | ReplyError
  | InternalError;

/** Whether `error` is an error of edgis, also of another copy of the package. */
export function isRedisError(error: unknown): error is AnyRedisError {
  return typeof error === "object" && error !== null && (error as Record<symbol, unknown>)[brand] === true;
}

/** The options make no sense, or say of no server: the `cause` of a `DisabledError`. Of a cache they are thrown. */
export class ConfigError extends RedisError {
  declare readonly kind: "ConfigError";
  constructor(message: string, details: ErrorDetails) {
    super("ConfigError", message, details);
  }
}

/** A call makes no sense: an argument of a wrong type, a command that would break a shared link. Nothing was sent. */
export class UsageError extends RedisError {
  declare readonly kind: "UsageError";
  constructor(message: string, command?: string) {
    super("UsageError", message, { command });
  }
}

/**
 * The target is disabled: there is no link and the command did not ask to wait for one. Nothing was sent, but for
 * read-only commands of a link that was lost and did not come back: their `sent` is `maybe`.
 */
export class DisabledError extends RedisError {
  declare readonly kind: "DisabledError";
  /** As in `status().reason`; also `closed` and `queue-full`. */
  readonly reason: string;

  constructor(message: string, reason: string, details: Omit<ErrorDetails, "code">) {
    super("DisabledError", message, details);
    this.reason = reason;
  }
}

/** No address of the target answered; the message lists each with what happened there. */
export class ConnectError extends RedisError {
  declare readonly kind: "ConnectError";
  /** As in `status().reason`. */
  readonly reason: string;

  constructor(message: string, reason: string, details: Omit<ErrorDetails, "code">) {
    super("ConnectError", message, details);
    this.reason = reason;
  }
}

/** The server wants other credentials. It is dialled again every 30 s, so that a rotated secret recovers by itself. */
export class AuthError extends RedisError {
  declare readonly kind: "AuthError";
  constructor(message: string, details: Omit<ErrorDetails, "code">) {
    super("AuthError", message, details);
  }
}

/** The link died with the command on it. `sent` says whether the server may have executed it. */
export class ConnectionLostError extends RedisError {
  declare readonly kind: "ConnectionLostError";
  /** As in `status().reason`. */
  readonly reason: string;

  constructor(message: string, reason: string, details: Omit<ErrorDetails, "code">) {
    super("ConnectionLostError", message, details);
    this.reason = reason;
  }
}

/** A deadline passed. */
export class TimeoutError extends RedisError {
  declare readonly kind: "TimeoutError";
  /** The command waited for the dial, for a link to write to, or for the reply. */
  readonly phase: "connect" | "queue" | "reply";

  constructor(message: string, phase: "connect" | "queue" | "reply", details: Omit<ErrorDetails, "code">) {
    super("TimeoutError", message, details);
    this.phase = phase;
  }
}

/** The peer sent bytes that are not RESP, and the link was closed; or this reply alone is over a limit (`sent` is `yes`). */
export class ProtocolError extends RedisError {
  declare readonly kind: "ProtocolError";
  constructor(message: string, details: Omit<ErrorDetails, "code">) {
    super("ProtocolError", message, details);
  }
}

/** Where the server's own sentences repeat an argument, as all versions of Redis and Valkey word them: in quotes… */
const quoted =
  /^((?:ERR|NOGROUP) (?:unknown subcommand(?: or wrong number of arguments for)?|No such (?:key|consumer group)|Error in ACL SETUSER modifier|Unmatched parenthesis in acl selector starting at|No samples available for event|Unknown category|User|Command|Unrecognized option|Unknown option or number of arguments for CONFIG SET -|Invalid argument)) '.*'/is;
/** …and at the end. */
const trailing =
  /, with args beginning with:.*$|(?<=^ERR (?:Unsupported option|Unsupported CONFIG parameter:|Unknown argument|Unknown option given:)) .*$/s;

/** The server's error, word for word but for arguments; `code` is its prefix, as in `WRONGTYPE`. */
export class ReplyError extends RedisError {
  declare readonly kind: "ReplyError";
  constructor(message: string, details: Omit<ErrorDetails, "code"> = {}) {
    super("ReplyError", message.replace(quoted, "$1 '…'").replace(trailing, ""), {
      sent: "yes",
      ...details,
      code: message.split(" ", 1)[0] || "ERR",
    });
  }
}

/**
 * A bug in edgis: its core trapped and was replaced, and the command may have been executed. With `sent: "yes"`: the server
 * answered, and no value could be made of its reply, which cost this command alone; as a rule memory had run out.
 */
export class InternalError extends RedisError {
  declare readonly kind: "InternalError";
  constructor(message: string, details: Omit<ErrorDetails, "code">) {
    super("InternalError", message, details);
  }
}

/** Whatever was thrown as text: that of others may be anything, also what cannot be made text. */
export function textOfThrown(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return "something was thrown that cannot be made text";
  }
}

/** The message of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  try {
    const { message } = Object(thrown) as { message?: unknown };
    if (typeof message === "string" && message !== "") return message;
  } catch {
    // A getter may throw, too.
  }
  return textOfThrown(thrown);
}

const classes: Record<ErrorKind, unknown> = {
  ConfigError,
  UsageError,
  DisabledError,
  ConnectError,
  AuthError,
  ConnectionLostError,
  TimeoutError,
  ProtocolError,
  ReplyError,
  InternalError,
};

// `instanceof` also knows what another copy of the package made: bundlers make copies, and these share one engine.
Object.defineProperty(RedisError, Symbol.hasInstance, {
  value(this: unknown, value: unknown): boolean {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    return isRedisError(value) && (this === RedisError || classes[value.kind] === this);
  },
});
