/**
 * The commands of a tick, until the flush: one string with all text arguments, one array with their lengths. No call
 * leaves JavaScript for them. The form is described in src/manager/batch.rs.
 */
import * as abi from "../core/abi.js";

/** One ASCII character between arguments keeps the surrogates at their ends apart. */
export const SEPARATOR = "\n";

/** UTF-16 units of a segment's text: three bytes each at the most, with as much again for bytes. */
const TEXT_UNITS = abi.TEXT_BYTES / 4;
const BYTES = abi.TEXT_BYTES / 4;

export type Argument = string | Uint8Array;

/** What goes over in one call. */
export interface Segment {
  readonly words: Uint32Array;
  readonly wordCount: number;
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly byteCount: number;
}

const noBytes = new Uint8Array(0);

export class Stage {
  /** Text of the open segment; public, since the shortest path appends to it in place. */
  text = "";
  words = new Uint32Array(256);
  wordCount = 0;
  #bytes = noBytes;
  #byteCount = 0;
  #full: Segment[] = [];

  /** Makes room for so many words and units of text; an open segment that has none is set aside. */
  reserve(words: number, units: number): void {
    if (this.text.length + units > TEXT_UNITS || this.wordCount + words > abi.META_WORDS) this.#setAside();
    if (this.wordCount + words > this.words.length) {
      const larger = new Uint32Array(Math.min(abi.META_WORDS, Math.max(2 * this.words.length, this.wordCount + words)));
      larger.set(this.words.subarray(0, this.wordCount));
      this.words = larger;
    }
  }

  #setAside(): void {
    if (this.wordCount === 0) return;
    this.#full.push(this.#segment());
    this.words = new Uint32Array(256);
    this.#bytes = noBytes;
    this.#reset();
  }

  #segment(): Segment {
    return {
      words: this.words,
      wordCount: this.wordCount,
      text: this.text,
      bytes: this.#bytes,
      byteCount: this.#byteCount,
    };
  }

  #reset(): void {
    this.text = "";
    this.wordCount = 0;
    this.#byteCount = 0;
  }

  /** Begins a command of `count` arguments with its name, which stands in the same segment: it says what follows. */
  begin(tag: number, policy: number, count: number, name: string): void {
    this.reserve(4, name.length + 1);
    this.#word(tag);
    this.#word(policy);
    this.#word(count);
    this.addText(name);
  }

  #word(word: number): void {
    this.words[this.wordCount] = word;
    this.wordCount += 1;
  }

  addText(text: string): void {
    this.reserve(1, text.length + 1);
    this.#word(abi.ARGUMENT_TEXT | text.length);
    this.text += text + SEPARATOR;
  }

  addBytes(bytes: Uint8Array): void {
    if (this.#byteCount + bytes.length > BYTES) this.#setAside();
    this.reserve(1, 0);
    const end = this.#byteCount + bytes.length;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.min(BYTES, Math.max(1024, 2 * end)));
      larger.set(this.#bytes.subarray(0, this.#byteCount));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#byteCount);
    this.#byteCount = end;
    this.#word(abi.ARGUMENT_BYTES + bytes.length);
  }

  /** An argument that does not enter the core; `length` is in bytes. */
  addOutside(length: number): void {
    this.reserve(1, 0);
    this.#word(abi.ARGUMENT_OUTSIDE + length);
  }

  get isEmpty(): boolean {
    return this.wordCount === 0 && this.#full.length === 0;
  }

  /** Takes the oldest segment out. The open one is only lent: it is to be used before anything is staged again. */
  next(): Segment | undefined {
    const full = this.#full.shift();
    if (full !== undefined || this.wordCount === 0) return full;
    const open = this.#segment();
    this.#reset();
    return open;
  }

  clear(): void {
    this.#full = [];
    this.#reset();
  }
}
