/**
 * The commands of a tick, until the flush: one string with all text arguments, one array with their lengths. No call
 * leaves JavaScript for them. The form is described in src/manager/batch.rs.
 *
 * A link that takes nothing for a while leaves its commands here. They can be cancelled and expire where they stand.
 */
import * as abi from "../core/abi.js";
import { type Argument, framed } from "./framed.js";

export type { Argument } from "./framed.js";

/** One ASCII character between arguments keeps the surrogates at their ends apart. */
export const SEPARATOR = "\n";

/** UTF-16 units of a segment's text: three bytes each at the most, with as much again for bytes. */
const TEXT_UNITS = abi.TEXT_BYTES / 4;
const BYTES = abi.TEXT_BYTES / 4;
/** Words in front of a command's arguments, and of a moment. */
const COMMAND_WORDS = 3;
const MOMENT_WORDS = 2;
/** Of a command that is larger than a segment so many arguments at each end go over by themselves, if they are short… */
const ENDS = 16;
/** …and not larger than this. The grammar of commands is in them. */
const SHORT = 256;
const LENGTH_MASK = 0x3fff_ffff;

/** What goes over in one call: whole commands. */
export interface Segment {
  readonly words: Uint32Array;
  readonly wordCount: number;
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly byteCount: number;
}

/** Keeps arguments until they are written. */
export interface Keeper {
  /** An argument of the command, or several that are framed already, which is longer than `inline`. Gives its length in bytes. */
  keep(tag: number, content: Argument, inline: number): number;
}

/** Whether a staged command is to be cancelled: its tag, when it was staged, and its size, in units of text or bytes. */
export type Cancels = (tag: number, stagedAt: number, size: number) => boolean;

const noBytes = new Uint8Array(0);

export class Stage {
  /** Text of the open segment; public, since the shortest path appends to it in place. */
  text = "";
  /** Small at first: where each request has targets of its own, most stage little. */
  words = new Uint32Array(16);
  wordCount = 0;
  #bytes = noBytes;
  #byteCount = 0;
  #full: Segment[] = [];
  /** Where the moment is missing of what was staged since the last flush. */
  #undated: { words: Uint32Array; at: number }[] = [];

  /** Makes room for so many words, units of text and bytes; an open segment that has none is set aside. */
  reserve(words: number, units: number, bytes = 0): void {
    const isFull =
      this.text.length + units > TEXT_UNITS ||
      this.wordCount + words > abi.META_WORDS ||
      this.#byteCount + bytes > BYTES;
    if (isFull && this.wordCount > 0) {
      this.#full.push(this.#segment());
      this.words = new Uint32Array(256);
      this.#bytes = noBytes;
      this.#reset();
      this.#leaveMoment();
    }
    if (this.wordCount + words > this.words.length) {
      const length = Math.max(2 * this.words.length, this.wordCount + words);
      const larger = grown(this.words, new Uint32Array(Math.min(abi.META_WORDS, length)), this.wordCount);
      for (const undated of this.#undated) if (undated.words === this.words) undated.words = larger;
      this.words = larger;
    }
    const end = this.#byteCount + bytes;
    if (end > this.#bytes.length) {
      this.#bytes = grown(this.#bytes, new Uint8Array(Math.min(BYTES, Math.max(1024, 2 * end))), this.#byteCount);
    }
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

  /** A tick begins to stage. Takes two words of what was reserved. */
  begin(): void {
    this.#undated.length = 0;
    this.#leaveMoment();
  }

  /** Leaves room for the moment: a clock for each command would cost more than the rest, so it is that of the flush. */
  #leaveMoment(): void {
    this.#word(abi.STAGED_AT);
    this.#undated.push({ words: this.words, at: this.wordCount });
    this.#word(abi.JUST_NOW);
  }

  /** A flush has left something: it was staged at this moment, in milliseconds of the clock. */
  date(now: number): void {
    for (const { words, at } of this.#undated.splice(0)) words[at] = Math.floor(now) >>> 0;
  }

  #word(word: number): void {
    this.words[this.wordCount] = word;
    this.wordCount += 1;
  }

  /**
   * Stages a command, whole or not at all: when reading an argument throws, nothing of it is left. Arguments longer than
   * `inline` stay outside and are handed to `keeper`.
   */
  add(tag: number, policy: number, args: readonly Argument[], inline: number, keeper: Keeper): void {
    let units = 0;
    let bytes = 0;
    for (const argument of args) {
      if (argument.length > inline) continue;
      if (typeof argument === "string") units += argument.length + 1;
      else bytes += argument.length;
    }
    const words = COMMAND_WORDS + args.length;
    const isLarge = words + 2 * MOMENT_WORDS > abi.META_WORDS || units > TEXT_UNITS || bytes > BYTES;
    if (!isLarge) this.reserve(words + MOMENT_WORDS, units, bytes);
    else this.reserve(COMMAND_WORDS + 2 * ENDS + 2 + MOMENT_WORDS, 2 * ENDS * (SHORT + 1), 2 * ENDS * SHORT);
    const { text, wordCount } = this;
    const byteCount = this.#byteCount;
    try {
      this.#word(tag);
      this.#word(policy);
      this.#word(args.length);
      if (isLarge) this.#addLarge(tag, args, inline, keeper);
      else for (const argument of args) this.#add(tag, argument, inline, inline, keeper);
    } catch (error) {
      this.text = text;
      this.wordCount = wordCount;
      this.#byteCount = byteCount;
      throw error;
    }
  }

  #addLarge(tag: number, args: readonly Argument[], inline: number, keeper: Keeper): void {
    const end = Math.max(ENDS, args.length - ENDS);
    for (const argument of args.slice(0, ENDS)) this.#add(tag, argument, SHORT, inline, keeper);
    if (end > ENDS) {
      const length = keeper.keep(tag, framed(args, ENDS, end), inline);
      this.#word(abi.ARGUMENT_FRAMED + (end - ENDS));
      this.#word(length);
    }
    for (const argument of args.slice(end)) this.#add(tag, argument, SHORT, inline, keeper);
  }

  #add(tag: number, argument: Argument, most: number, inline: number, keeper: Keeper): void {
    const { length } = argument;
    if (length > most) this.#word(abi.ARGUMENT_OUTSIDE + keeper.keep(tag, argument, inline));
    else if (typeof argument === "string") {
      this.#word(abi.ARGUMENT_TEXT | length);
      this.text += argument + SEPARATOR;
    } else {
      this.#bytes.set(argument, this.#byteCount);
      this.#byteCount += length;
      this.#word(abi.ARGUMENT_BYTES + length);
    }
  }

  /** Cancels those of the staged commands that `cancels` says yes to; gives how many are left. */
  cancel(cancels: Cancels): number {
    let left = 0;
    for (const segment of [...this.#full, this.#segment()]) left += cancelIn(segment, cancels);
    if (left === 0) this.clear();
    return left;
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

function grown<T extends Uint8Array | Uint32Array>(from: T, to: T, count: number): T {
  to.set(from.subarray(0, count));
  return to;
}

function cancelIn({ words, wordCount }: Segment, cancels: Cancels): number {
  let left = 0;
  let stagedAt = 0;
  for (let at = 0; at < wordCount; ) {
    const tag = words[at] as number;
    if (tag === abi.STAGED_AT) {
      stagedAt = words[at + 1] as number;
      at += MOMENT_WORDS;
      continue;
    }
    const command = at;
    let missing = words[at + 2] as number;
    let size = 0;
    at += COMMAND_WORDS;
    while (missing > 0) {
      const word = words[at] as number;
      const isFramed = word >= abi.ARGUMENT_FRAMED;
      missing -= isFramed ? word & LENGTH_MASK : 1;
      size += isFramed ? (words[at + 1] as number) : word & LENGTH_MASK;
      at += isFramed ? 2 : 1;
    }
    if (tag === abi.CANCELLED) continue;
    if (cancels(tag, stagedAt, size)) words[command] = abi.CANCELLED;
    else left += 1;
  }
  return left;
}
