/**
 * The protocol between a Worker and the object that holds its connection: commands as the core frames them, replies as a
 * server would write them in RESP3, and, in place of a reply, errors of edgis itself.
 */
import { REASONS } from "../core/abi.js";
import {
  AuthError,
  ConfigError,
  ConnectError,
  ConnectionLostError,
  DisabledError,
  InternalError,
  isRedisError,
  messageOf,
  ProtocolError,
  type RedisError,
  ReplyError,
  TimeoutError,
  UsageError,
} from "../core/errors.js";
import type { Status } from "../core/status.js";
import { joined } from "../transport/bytes.js";
import { replyCount } from "./frames.js";

/** Why the object has no Redis to offer; `reason` by its number. */
export interface Trouble {
  readonly reason: number;
  readonly message: string;
  /** The milliseconds until the object tries again, where it is to be asked no sooner. */
  readonly wait?: number;
}

/** The result of a tick's commands. */
export interface Answer {
  /** One for each command, in order. */
  readonly replies: Uint8Array;
  /** There will be none from now on. */
  readonly trouble: Trouble | null;
}

/** The methods that a Worker calls. */
export interface Relay {
  /** Whether there is a Redis, and whether it answers; null when all is well. */
  greet(): Promise<Trouble | null>;
  relay(frames: Uint8Array): Promise<Answer>;
}

const encoder = new TextEncoder();

/** A call carries at most 32 MiB, what goes with them included. */
export const LARGEST_CALL = (32 << 20) - (64 << 10);

// ── Replies ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** Largest integer that is written as one, and not as a big number. */
const LARGEST = 2n ** 63n;

/** The same error in the place of so many replies. */
export function repliesOf(error: RedisError, count: number): Uint8Array {
  const writer = new Writer();
  for (let i = 0; i < count; i += 1) writer.failure(error);
  return writer.bytes();
}

/** Writes replies that were read in bytes and bigints: so every kind of them has a type of its own. */
export class Writer {
  #parts: (string | Uint8Array)[] = [];

  value(value: unknown): void {
    // Only what a server calls simple arrives as text.
    if (typeof value === "string") this.#line("+", value);
    else if (typeof value === "bigint") this.#line(value >= -LARGEST && value < LARGEST ? ":" : "(", String(value));
    else if (typeof value === "number") this.#line(",", Number.isFinite(value) ? String(value) : nameOf(value));
    else if (typeof value === "boolean") this.#line("#", value ? "t" : "f");
    else if (value === null || value === undefined) this.#line("_", "");
    else if (value instanceof Uint8Array) this.#bulk(value);
    else if (value instanceof Error) this.failure(value);
    else if (Array.isArray(value)) this.#array(value);
    else if (value instanceof Map) this.#map(value);
    else this.failure(new Error(`a reply of a kind that is not known: ${typeof value}`));
  }

  /** An error: the server's as it is, others with all that is known of them. */
  failure(error: unknown): void {
    const isServers = isRedisError(error) && error.kind === "ReplyError" && !error.message.startsWith(PREFIX);
    this.#line("-", isServers ? error.message : packed(error));
  }

  #line(kind: string, text: string): void {
    this.#parts.push(`${kind}${/[\r\n]/.test(text) ? text.replaceAll(/[\r\n]/g, " ") : text}\r\n`);
  }

  #bulk(bytes: Uint8Array): void {
    this.#parts.push(`$${bytes.length}\r\n`, bytes, "\r\n");
  }

  #array(items: readonly unknown[]): void {
    this.#parts.push(`*${items.length}\r\n`);
    for (const item of items) this.value(item);
  }

  #map(map: Map<unknown, unknown>): void {
    this.#parts.push(`%${map.size}\r\n`);
    for (const [key, value] of map) {
      this.value(key);
      this.value(value);
    }
  }

  /** All of it. */
  bytes(): Uint8Array {
    const parts: Uint8Array[] = [];
    let text = "";
    for (const part of this.#parts) {
      if (typeof part === "string") text += part;
      else {
        if (text !== "") parts.push(encoder.encode(text));
        text = "";
        parts.push(part);
      }
    }
    if (text !== "") parts.push(encoder.encode(text));
    return joined(parts);
  }
}

const nameOf = (number: number): string => (number > 0 ? "inf" : number < 0 ? "-inf" : "nan");

// ── Errors ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** An error of the server's that begins so itself is packed as well. */
const PREFIX = "EDGIS ";

/** The fields of one of our errors. */
interface Packed {
  readonly kind: string;
  readonly message: string;
  readonly reason?: string;
  readonly phase?: "connect" | "queue" | "reply";
  readonly command?: string | undefined;
  readonly target?: string | undefined;
  readonly sent: "no" | "maybe" | "yes";
  readonly retry: boolean;
  readonly cause?: Packed | undefined;
}

function describe(error: unknown): Packed {
  const message = messageOf(error);
  if (!isRedisError(error)) return { kind: "InternalError", message, sent: "maybe", retry: false };
  const { kind, command, target, sent, retry } = error;
  const { reason, phase } = error as { reason?: string; phase?: "reply" };
  const own = { kind, message, command, target, sent, retry };
  const cause = isRedisError(error.cause) ? { cause: describe(error.cause) } : {};
  return { ...own, ...(reason && { reason }), ...(phase && { phase }), ...cause };
}

function packed(error: unknown): string {
  return PREFIX + JSON.stringify(describe(error));
}

/** The error of edgis in place of a reply; undefined for an error of the server. */
export function revive(text: string): RedisError | undefined {
  if (!text.startsWith(PREFIX)) return undefined;
  try {
    return build(JSON.parse(text.slice(PREFIX.length)), CAUSES);
  } catch {
    return undefined;
  }
}

/** The longest chain of causes; most errors have one cause without a further one. */
const CAUSES = 3;
const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const oneOf = <T>(values: readonly T[], value: unknown): T | undefined => values.find((known) => known === value);

/** Builds an error from untrusted fields: takes only those of the right type. */
function build(packed: unknown, causes: number): RedisError {
  const given = Object(packed) as Record<keyof Packed, unknown>;
  const message = textOf(given.message) ?? "the Durable Object does not say why";
  const reason = textOf(given.reason) ?? "closed";
  const command = textOf(given.command);
  const details = {
    command,
    target: textOf(given.target),
    sent: oneOf(["no", "maybe", "yes"] as const, given.sent) ?? "maybe",
    retry: given.retry === true,
    ...(given.cause !== undefined && causes > 0 && { cause: build(given.cause, causes - 1) }),
  };
  switch (given.kind) {
    case "UsageError":
      return new UsageError(message, command);
    case "DisabledError":
      return new DisabledError(message, reason, details);
    case "TimeoutError":
      return new TimeoutError(message, oneOf(["connect", "queue"] as const, given.phase) ?? "reply", details);
    case "ConnectionLostError":
      return new ConnectionLostError(message, reason, details);
    case "ConnectError":
      return new ConnectError(message, reason, details);
    case "ConfigError":
      return new ConfigError(message, { ...details, code: "EDGIS_CONFIG" });
    case "AuthError":
      return new AuthError(message, details);
    case "ProtocolError":
      return new ProtocolError(message, details);
    case "ReplyError":
      return new ReplyError(message, details);
    default:
      return new InternalError(message, details);
  }
}

/** The longest wait that is accepted from an object. */
const LONGEST_WAIT = 60_000;

// ── Trouble ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** Why a client cannot reach Redis, or null. */
export function troubleOf(status: Status): Trouble | null {
  if (status.state !== "disabled") return null;
  const { reason, message, retryAt } = status;
  return { ...trouble(reason, message), ...(retryAt !== undefined && { wait: Math.max(0, retryAt - Date.now()) }) };
}

export function trouble(reason: string, message: string): Trouble {
  return { reason: Math.max(0, (REASONS as readonly string[]).indexOf(reason)), message };
}

/** The error code that a transport reports for it. */
export const codeOf = ({ reason, wait }: Trouble): string =>
  wait === undefined ? `#${reason}` : `#${reason}@${Math.ceil(wait)}`;

/** Validates the object's report about Redis: null if all is well. Throws for any other form. */
export function troubleGiven(value: unknown): Trouble | null {
  if (value === null) return null;
  if (typeof value !== "object") throw new Error(`the Durable Object says ${typeof value} of its Redis`);
  const { reason, message, wait } = value as Record<keyof Trouble, unknown>;
  const known = typeof reason === "number" && REASONS[reason] !== undefined ? reason : REASONS.indexOf("object");
  const text = textOf(message) ?? "the Durable Object has no Redis, and does not say why";
  const isWait = typeof wait === "number" && wait >= 0;
  return { reason: known, message: text, ...(isWait && { wait: Math.min(wait, LONGEST_WAIT) }) };
}

/** Validates the object's answer to this many commands. Throws for any other form. */
export function answerGiven(value: unknown, commands: number): Answer {
  const { replies, trouble } = Object(value) as Record<keyof Answer, unknown>;
  if (!(replies instanceof Uint8Array)) throw new Error("the Durable Object gave no replies");
  const count = replyCount(replies);
  // Those of another tick would be taken for those of this one.
  if (count !== commands) throw new Error(`the Durable Object gave ${count} replies to ${commands} commands`);
  return { replies, trouble: troubleGiven(trouble) };
}
