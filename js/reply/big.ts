/**
 * A large value on its way in. Its bytes go from the received chunks straight to where they stay: linear memory never
 * shrinks, so what is large must not enter it.
 */
import type { Runtime } from "../transport/types.js";
import { MODE } from "./build.js";

/** Text is decoded out of a buffer that is used again, up to this size. */
const REUSED = 1 << 20;
/** Memory is taken in steps, so that a length alone, without its bytes, takes little. */
const STEP = 16 << 20;

let reused: Uint8Array | undefined;

export class BigValue {
  readonly #runtime: Runtime;
  readonly #length: number;
  readonly #mode: number;
  /** Nobody waits for it: its bytes are counted and dropped. */
  #skipped: boolean;
  #buffer: Uint8Array | undefined;
  #filled = 0;

  constructor(runtime: Runtime, length: number, mode: number, skipped: boolean) {
    this.#runtime = runtime;
    this.#length = length;
    this.#mode = mode;
    this.#skipped = skipped;
    if (!skipped) this.#buffer = this.#take(Math.min(length, STEP));
  }

  #take(length: number): Uint8Array {
    if (this.#mode & MODE.Bytes || length > REUSED) return this.#runtime.allocate(length);
    const buffer = reused !== undefined && reused.length >= length ? reused : this.#runtime.allocate(length);
    // Two links may receive at once: whoever holds the buffer has it for itself.
    reused = undefined;
    return buffer;
  }

  /** Nobody waits for it any more. */
  skip(): void {
    this.#skipped = true;
    this.#buffer = undefined;
  }

  /** How many bytes are still to come. */
  get missing(): number {
    return this.#length - this.#filled;
  }

  /** Takes bytes `start..end` of `chunk`, which are no more than are missing. */
  fill(chunk: Uint8Array, start: number, end: number): void {
    const filled = this.#filled + end - start;
    if (!this.#skipped && this.#buffer !== undefined) {
      if (filled > this.#buffer.length) this.#grow(filled);
      this.#buffer.set(start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end), this.#filled);
    }
    this.#filled = filled;
  }

  #grow(least: number): void {
    const old = this.#buffer as Uint8Array;
    this.#buffer = this.#runtime.allocate(Math.min(this.#length, Math.max(least, 2 * old.length)));
    this.#buffer.set(old.subarray(0, this.#filled));
  }

  /** The value. Throws where the runtime cannot have so long a string. */
  finish(): string | Uint8Array {
    const buffer = this.#buffer as Uint8Array;
    this.#buffer = undefined;
    if (this.#mode & MODE.Bytes) return buffer.length === this.#length ? buffer : buffer.subarray(0, this.#length);
    try {
      return this.#runtime.utf8(buffer, 0, this.#length);
    } finally {
      if (buffer.length <= REUSED) reused = buffer;
    }
  }
}
