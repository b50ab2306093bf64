/**
 * What crosses between a Worker and the object that holds its connection: commands as the core frames them, replies as a
 * server would write them in RESP3, and in the place of a reply an error that no server made.
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
  ProtocolError,
  type RedisError,
  ReplyError,
  TimeoutError,
} from "../core/errors.js";
import type { Status } from "../core/status.js";
import { joined } from "../transport/bytes.js";

/** Why the object has no Redis to offer; `reason` by its number. */
export interface Trouble {
  readonly reason: number;
  readonly message: string;
  /** The milliseconds until the object tries again, where it is to be asked no sooner. */
  readonly wait?: number;
}

/** What becomes of a tick's commands. */
export interface Answer {
  /** One for each command, in order. */
  readonly replies: Uint8Array;
  /** There will be none from now on. */
  readonly trouble: Trouble | null;
}

/** What a Worker calls. */
export interface Relay {
  /** Whether there is a Redis, and whether it answers; null when all is well. */
  greet(): Promise<Trouble | null>;
  relay(frames: Uint8Array): Promise<Answer>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A call carries at most 32 MiB, what goes with them included. */
export const LARGEST_CALL = (32 << 20) - (64 << 10);

// ── Commands ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** The commands of a tick, each with its name and arguments, which share the memory of `bytes`. */
export function commandsOf(bytes: Uint8Array): [string, ...Uint8Array[]][] {
  const commands: [string, ...Uint8Array[]][] = [];
  let at = 0;
  const header = (kind: number): number => {
    if (bytes[at] !== kind) throw new Error("these are no commands");
    let number = 0;
    for (at += 1; bytes[at] !== 0x0d; at += 1) number = 10 * number + (bytes[at] as number) - 0x30;
    at += 2;
    return number;
  };
  const argument = (): Uint8Array => {
    const length = header(0x24);
    const value = bytes.subarray(at, at + length);
    at += length + 2;
    return value;
  };
  while (at < bytes.length) {
    let left = header(0x2a) - 1;
    const command: [string, ...Uint8Array[]] = [decoder.decode(argument())];
    for (; left > 0; left -= 1) command.push(argument());
    commands.push(command);
  }
  if (at !== bytes.length) throw new Error("these are not whole commands");
  return commands;
}

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
    else this.#map(value);
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

  #map(object: object): void {
    const entries = Object.entries(object);
    this.#parts.push(`%${entries.length}\r\n`);
    for (const [key, value] of entries) {
      this.#bulk(encoder.encode(key));
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

/** What is known of an error of ours, besides its class. */
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
  const message = error instanceof Error ? error.message : String(error);
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

/** The error that came in the place of a reply, unless it is the server's. */
export function revive(text: string): RedisError | undefined {
  if (!text.startsWith(PREFIX)) return undefined;
  try {
    return build(JSON.parse(text.slice(PREFIX.length)) as Packed);
  } catch {
    return undefined;
  }
}

function build({ kind, message, reason = "closed", phase = "reply", cause, ...others }: Packed): RedisError {
  const details = cause === undefined ? others : { ...others, cause: build(cause) };
  switch (kind) {
    case "DisabledError":
      return new DisabledError(message, reason, details);
    case "TimeoutError":
      return new TimeoutError(message, phase, details);
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

// ── Trouble ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** What keeps a client from Redis, if anything does. */
export function troubleOf(status: Status): Trouble | null {
  if (status.state !== "disabled") return null;
  const { reason, message, retryAt } = status;
  return { ...trouble(reason, message), ...(retryAt !== undefined && { wait: Math.max(0, retryAt - Date.now()) }) };
}

export function trouble(reason: string, message: string): Trouble {
  return { reason: Math.max(0, (REASONS as readonly string[]).indexOf(reason)), message };
}

/** What a transport calls it. */
export const codeOf = ({ reason, wait }: Trouble): string =>
  wait === undefined ? `#${reason}` : `#${reason}@${Math.ceil(wait)}`;
