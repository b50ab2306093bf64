/** A link: the transport's byte stream and the reply that is being received on it. */
import * as abi from "../core/abi.js";
import { type ReplyError, UsageError } from "../core/errors.js";
import type { BigValue } from "../reply/big.js";
import { Builder } from "../reply/build.js";
import { TextParts } from "../reply/parts.js";
import type { Stream, StreamEvents } from "../transport/stream.js";
import type { Engine } from "./engine.js";
import type { Target } from "./target.js";

/** After a large value comes little: its end and the head of the next. The rest need not enter linear memory. */
const AFTER_BIG = 64;

export class Link implements StreamEvents {
  readonly builder = new Builder();
  stream: Stream | undefined;
  big: BigValue | undefined;
  /** It asked for a pause. */
  isBlocked = false;
  /** A text that comes in parts. */
  #parts: TextParts | undefined;
  #afterBig = false;
  #gone = false;
  /** Why no value can be made of the reply that is coming in. */
  #failed: { readonly cause: unknown } | undefined;

  readonly #engine: Engine;
  readonly target: Target;
  readonly id: number;

  constructor(engine: Engine, target: Target, id: number) {
    this.#engine = engine;
    this.target = target;
    this.id = id;
  }

  opened(): void {
    if (!this.#gone) this.#engine.opened(this);
  }

  drained(): void {
    if (!this.#gone) this.#engine.drained(this);
  }

  lost(code: string, message: string): void {
    if (!this.#gone) this.#engine.lost(this, code, message);
  }

  get isAwaited(): boolean {
    const { request } = this.target.scope;
    return request === undefined || request.open > 0 || request.isPlace;
  }

  refused(unsent: boolean): void {
    if (!this.#gone) this.#engine.requests?.refused(this, unsent);
  }

  received(chunk: Uint8Array): void {
    const length = chunk.length;
    let at = 0;
    while (at < length && !this.#gone) {
      const missing = this.big === undefined ? 0 : this.big.missing;
      if (missing > 0) {
        const end = Math.min(length, at + missing);
        (this.big as BigValue).fill(chunk, at, end);
        this.target.divertedBytes += end - at;
        this.#afterBig = true;
        at = end;
        continue;
      }
      const end = Math.min(length, at + (this.#afterBig ? AFTER_BIG : abi.CHUNK_BYTES));
      this.#afterBig = false;
      this.#engine.received(this, at === 0 && end === length ? chunk : chunk.subarray(at, end));
      at = end;
    }
  }

  /** Nothing more is to be heard of it. */
  close(gracefully: boolean): void {
    if (this.#gone) return;
    this.#gone = true;
    this.forget();
    if (gracefully) this.stream?.end();
    else this.stream?.destroy();
  }

  /** Its request is taken for over: the stream is left as it is. Gives the link's name. */
  abandon(): number {
    this.#gone = true;
    this.stream?.forget?.();
    return this.id;
  }

  /** Drops what is built of the current reply. */
  forget(): void {
    this.builder.reset();
    this.#failed = undefined;
    this.#parts = undefined;
    this.big?.skip();
  }

  /** A token of a nested or large reply. */
  token(head: number, a: number, b: number, tag: number, at: number): void {
    const kind = head & 0xff;
    const last = ((head >>> 8) & abi.FLAG_LAST) !== 0;
    if (kind === abi.KIND_BIG) {
      const skipped = ((head >>> 8) & abi.FLAG_SKIP) !== 0 || this.#failed !== undefined;
      this.big = this.#engine.beginBig(a, tag, skipped);
      this.#engine.fillBig(this.big, at + b);
      return;
    }
    if (kind === abi.KIND_BIG_END && (head >>> 8) & abi.FLAG_SKIP) {
      this.big = undefined;
      return;
    }
    if ((head >>> 8) & abi.FLAG_MORE) {
      this.#parts ??= new TextParts();
      if (this.#failed === undefined) this.#engine.addPart(this.#parts, at + a, at + b);
      return;
    }
    const done = this.#built(kind, head, a, b, tag, at);
    if (!last) return;
    const failed = this.#failed;
    this.#failed = undefined;
    if (failed !== undefined) this.#engine.refuse(tag, failed.cause);
    else if (done !== undefined) this.#engine.deliver(tag, done.value, (head >>> 16) & 0xff);
  }

  /** Adds a token to the reply; gives that when it was the last one. What fails costs this reply and no other. */
  #built(kind: number, head: number, a: number, b: number, tag: number, at: number): { value: unknown } | undefined {
    const { big } = this;
    const parts = this.#parts;
    this.#parts = undefined;
    if (kind === abi.KIND_BIG_END) this.big = undefined;
    if (this.#failed !== undefined) return undefined;
    try {
      if (kind === abi.KIND_ARRAY || kind === abi.KIND_MAP || kind === abi.KIND_SET)
        return this.builder.open(kind, a, this.#engine.mode(tag));
      if (parts !== undefined) {
        this.#engine.addPart(parts, at + a, at + b);
        return this.builder.add(parts.finish(kind, this.#engine.runtime));
      }
      const isBig = kind === abi.KIND_BIG_END && big !== undefined;
      return this.builder.add(isBig ? finished(big) : this.#engine.scalar(head, a, b, tag, at));
    } catch (cause) {
      this.#failed = { cause };
      this.builder.reset();
      return undefined;
    }
  }
}

/** The value, or an error in its place where a string cannot be so long: what comes along with it is not lost. */
function finished(big: BigValue): unknown {
  try {
    return big.finish();
  } catch (cause) {
    if (big.failure !== undefined) throw cause;
    const error = new UsageError("the value is longer than a string of this runtime can be: read it with redis.bytes");
    error.cause = cause;
    return error;
  }
}

/** Whether a finished reply is an error. */
export function isFailure(value: unknown): value is ReplyError | UsageError {
  return value instanceof Error;
}
