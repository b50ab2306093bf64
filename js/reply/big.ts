/**
 * A large value on its way in. Its bytes go from the received chunks straight to where they stay: linear memory never
 * shrinks, so what is large must not enter it.
 */
import type { Runtime } from "../transport/runtime.js";
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
  #buffer: Uint8Array | undefined;
  #filled = 0;
  /** Why it cannot be kept: memory has run out. Its bytes are counted and dropped from then on. */
  failure: unknown;

  constructor(runtime: Runtime, length: number, mode: number, skipped: boolean) {
    this.#runtime = runtime;
    this.#length = length;
    this.#mode = mode;
    if (!skipped) this.#tryTo(() => this.#take(Math.min(length, STEP)));
  }

  /** A value that does not fit fails its own command; the others on the link go on. */
  #tryTo(allocate: () => Uint8Array): void {
    try {
      this.#buffer = allocate();
    } catch (error) {
      this.skip();
      this.failure = error;
    }
  }

  #take(length: number): Uint8Array {
    if (this.#mode & MODE.Bytes || length > REUSED) return this.#runtime.allocate(length);
    const buffer = reused !== undefined && reused.length >= length ? reused : this.#runtime.allocate(length);
    // Two links may receive at once: the buffer is taken out while one uses it.
    reused = undefined;
    return buffer;
  }

  /** Drops the value: its command has ended. */
  skip(): void {
    this.#buffer = undefined;
  }

  /** How many bytes are still to come. */
  get missing(): number {
    return this.#length - this.#filled;
  }

  /** Takes bytes `start..end` of `chunk`, at most as many as are missing. */
  fill(chunk: Uint8Array, start: number, end: number): void {
    const filled = this.#filled + end - start;
    if (this.#buffer !== undefined && filled > this.#buffer.length) this.#tryTo(() => this.#grown(filled));
    if (this.#buffer !== undefined) {
      this.#buffer.set(start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end), this.#filled);
    }
    this.#filled = filled;
  }

  #grown(least: number): Uint8Array {
    const old = this.#buffer as Uint8Array;
    const buffer = this.#runtime.allocate(Math.min(this.#length, Math.max(least, 2 * old.length)));
    buffer.set(old.subarray(0, this.#filled));
    return buffer;
  }

  /** The value. Throws `failure`, if there is one, and where the runtime cannot have so long a string. */
  finish(): string | Uint8Array {
    if (this.failure !== undefined) throw this.failure;
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
