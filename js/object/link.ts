/**
 * The Worker's end of a relay: a link, as far as anybody else can tell, whose other end is a Durable Object. A tick's
 * commands cross in one call, and their replies come back as its result.
 *
 * The object has introduced itself to the server long before, so the handshake of the core is answered here.
 */
import { DisabledError, messageOf } from "../core/errors.js";
import { copyOf, joined } from "../transport/bytes.js";
import type { Stream, StreamEvents } from "../transport/stream.js";
import { commandCount } from "./frames.js";
import {
  type Answer,
  answerGiven,
  codeOf,
  LARGEST_CALL,
  type Relay,
  repliesOf,
  type Trouble,
  trouble,
  troubleGiven,
} from "./wire.js";

/** For so long an object that answered is taken for well, and need not be greeted… */
const TRUSTED = 10_000;
/** …unless it owes an answer for longer than this. */
const PATIENCE = 250;

/** Knowledge about an object that all requests share. */
export interface Standing {
  /** When it answered last. */
  good: number;
  /** Since when it owes an answer, if it does. */
  owes: number | undefined;
}

const encoder = new TextEncoder();
/** The end of the core's handshake, and what a server answers to the whole of it. */
const PING = encoder.encode("*1\r\n$4\r\nPING\r\n");
const WELCOME = encoder.encode("%1\r\n$5\r\nproto\r\n:3\r\n+PONG\r\n");
const noBytes = new Uint8Array(0);

export class ObjectLink implements Stream {
  readonly #relay: Relay;
  readonly #standing: Standing;
  readonly #now: () => number;
  readonly #events: StreamEvents;
  #parts: Uint8Array[] = [];
  #introduced = false;
  #due = false;
  #gone = false;
  /** The answers come in the order of the calls. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(relay: Relay, standing: Standing, now: () => number, events: StreamEvents) {
    this.#relay = relay;
    this.#standing = standing;
    this.#now = now;
    this.#events = events;
    const { good, owes } = standing;
    const isTrusted = now() - good < TRUSTED && (owes === undefined || now() - owes < PATIENCE);
    const greeted = isTrusted ? Promise.resolve(null) : this.#asked(() => relay.greet());
    greeted.then((found) => this.#greeted(troubleGiven(found))).catch((error) => this.#failed(error));
  }

  /** Calls the object, which owes an answer from then on. */
  async #asked<T>(call: () => Promise<T>): Promise<T> {
    const standing = this.#standing;
    standing.owes ??= this.#now();
    const answer = await call();
    standing.owes = undefined;
    standing.good = this.#now();
    return answer;
  }

  #greeted(found: Trouble | null): void {
    if (found !== null) this.#lost(found);
    else if (!this.#gone) this.#events.opened();
  }

  write(content: Uint8Array | string, _byteLength: number): boolean {
    this.#parts.push(typeof content === "string" ? encoder.encode(content) : copyOf(content));
    if (!this.#due) {
      this.#due = true;
      // The core waits for nothing of ours while its rows are being read.
      queueMicrotask(() => this.#flush());
    }
    return true;
  }

  #flush(): void {
    this.#due = false;
    if (this.#gone) return;
    if (!this.#introduced) {
      this.#introduced = true;
      const bytes = joined(this.#parts);
      const rest = bytes.subarray(endOf(bytes, PING));
      this.#parts = rest.length === 0 ? [] : [rest];
      // Commands that waited for it are written meanwhile, and leave with the rest.
      this.#due = true;
      this.#events.received(WELCOME);
      this.#due = false;
    }
    const frames = this.#parts.length === 0 ? noBytes : joined(this.#parts);
    this.#parts = [];
    if (frames.length === 0) return;
    const answer = this.#call(frames);
    // The one before it may never be answered.
    answer.catch(() => {});
    this.#turn = this.#turn
      .then(() => answer)
      .then((told) => this.#answered(told))
      .catch((error) => this.#failed(error));
  }

  async #call(frames: Uint8Array): Promise<Answer> {
    const count = commandCount(frames);
    if (frames.length > LARGEST_CALL) return tooMuch(count);
    return answerGiven(await this.#asked(() => this.#relay.relay(frames)), count);
  }

  #answered({ replies, trouble: found }: Answer): void {
    if (!this.#gone) this.#events.received(replies);
    if (found !== null) this.#lost(found);
  }

  #failed(error: unknown): void {
    const message = messageOf(error);
    // Older compatibility dates have no such calls, and another class has no such methods.
    const isOther = /not a function|does not implement|does not support RPC/.test(message);
    const advice = ": the class that is bound there must extend RedisObject of edgis/durable-object";
    const old = ", and the Worker's compatibility_date must be 2024-04-03 or later";
    this.#lost(isOther ? trouble("runtime", message + advice + old) : trouble("object", message));
  }

  #lost(found: Trouble): void {
    this.#standing.good = Number.NEGATIVE_INFINITY;
    if (this.#gone) return;
    this.#gone = true;
    this.#events.lost(codeOf(found), found.message);
  }

  cork(): void {}

  uncork(): void {}

  end(): void {
    this.#flush();
    this.#gone = true;
  }

  destroy(): void {
    this.#gone = true;
  }

  hold(): void {}
}

function tooMuch(count: number): Answer {
  const text = "a tick's commands have more than the 32 MiB that a call to a Durable Object carries; nothing was sent";
  return { replies: repliesOf(new DisabledError(text, "queue-full", {}), count), trouble: null };
}

/** Where `part` ends in `bytes`, which hold it. */
function endOf(bytes: Uint8Array, part: Uint8Array): number {
  for (let at = 0; ; at = bytes.indexOf(part[0] as number, at + 1)) {
    if (at < 0) throw new Error("the core did not introduce itself");
    if (part.every((byte, index) => bytes[at + index] === byte)) return at + part.length;
  }
}
