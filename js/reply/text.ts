/**
 * Turns ranges of received bytes into strings.
 *
 * A substring keeps the string that it was cut from alive, so cutting values from one decoded chunk would pin 64 KiB
 * for every value that is kept. Decoding each value on its own costs a native call per value. So short values are cut
 * from windows of half a kilobyte: one call for a dozen of them, and a kept value pins one window at the most.
 */
import type { Runtime } from "../transport/runtime.js";

const WINDOW = 512;
/** Longer values are decoded on their own. */
const LONGEST_CUT = 256;

export class TextReader {
  readonly #runtime: Runtime;
  #bytes: Uint8Array = new Uint8Array(0);
  #end = 0;
  #window = "";
  #windowStart = 0;
  #windowEnd = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** New bytes have been received; what is read next lies before `end`. */
  begin(bytes: Uint8Array, end: number): void {
    this.#bytes = bytes;
    this.#end = end;
    this.#windowEnd = 0;
  }

  /** Lets go of the bytes and of what was decoded of them. */
  finish(): void {
    this.#window = "";
    this.#windowEnd = 0;
  }

  /** ASCII text. */
  ascii(start: number, end: number): string {
    if (start >= this.#windowStart && end <= this.#windowEnd) {
      return this.#window.slice(start - this.#windowStart, end - this.#windowStart);
    }
    const windowEnd = Math.min(start + WINDOW, this.#end);
    // A long value, or the last one of the chunk: nothing else could be cut from its window.
    if (end - start > LONGEST_CUT || windowEnd - end <= 2) return this.#runtime.ascii(this.#bytes, start, end);
    this.#window = this.#runtime.ascii(this.#bytes, start, windowEnd);
    this.#windowStart = start;
    this.#windowEnd = windowEnd;
    return this.#window.slice(0, end - start);
  }

  /** Any text. */
  utf8(start: number, end: number): string {
    return this.#runtime.utf8(this.#bytes, start, end);
  }
}
