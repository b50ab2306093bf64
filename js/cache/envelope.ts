/**
 * What stands before a value in Redis: 19 bytes, and what not every entry has.
 *
 *   0  u8   0xE0 | format version
 *   1  u8   flags: what the content is, whether its text is ASCII, and which of the parts marked * there are
 *   2  u56  generation of the namespace, in microseconds
 *   9  u48  fresh until, in milliseconds since the Unix epoch
 *  15  u32  bytes of the content
 *  19  u32* how long it may be served stale after that, in milliseconds
 *      u8*  number of tags; for each of them: u56 generation, u8 length, the tag in UTF-8
 *      then the content
 *
 * All integers are little-endian. What does not begin so, has another version or another length than it says is no entry.
 */

/** What the content is. */
export const CONTENT = { Json: 0, Rich: 1, Bytes: 2, Absent: 3, Codec: 4 } as const;
/** The content is ASCII, which is decoded the fastest. */
const ASCII = 0x80;
const STALE = 0x40;
const TAGS = 0x20;
const KINDS = 0x0f;
const VERSION = 0xe1;
/** The least that an entry begins with, in bytes. */
export const HEADER = 19;
/** More tags of one entry are refused. */
export const MOST_TAGS = 255;

/** A tag and the generation that it had when the value was about to be loaded. */
export interface Tagged {
  readonly tag: string;
  readonly generation: number;
}

/** What is stored under the key of an entry. */
export interface Entry {
  /** Why it counts as none. */
  readonly problem: Unreadable | undefined;
  readonly kind: number;
  readonly generation: number;
  readonly freshUntil: number;
  readonly staleUntil: number;
  readonly tags: readonly Tagged[];
  /** Text, where the kind of content is text. */
  readonly content: string | Uint8Array;
  /** Its header, one character a byte; no two entries have the same. */
  readonly sign: string;
  /** Of all of it, in bytes. */
  readonly size: number;
}

/** Why something is no entry. */
export type Unreadable = "corrupt" | "foreign" | "future";

export interface Content {
  readonly kind: number;
  readonly data: string | Uint8Array;
}

const none: readonly Tagged[] = [];
const encoder = new TextEncoder();

/** Texts among bytes that are only lent: of one byte a character, or UTF-8. */
export interface Texts {
  ascii(start: number, end: number): string;
  utf8(start: number, end: number): string;
}

/** What a key holds: an entry, or a text such as generations and leases are. */
export type Held = Entry | string;

/** What the caller, or a codec that writes into one buffer, may change before it is sent is copied. */
export const ownContent = ({ kind, data }: Content): Content => ({
  kind,
  // `slice` of a Buffer would be a view.
  data: typeof data === "string" ? data : new Uint8Array(data),
});

/** Whether the content has more bytes than that. */
export function isLargerThan({ data }: Content, most: number): boolean {
  if (typeof data !== "string" || data.length > most) return data.length > most;
  return 3 * data.length > most && encoder.encode(data).length > most;
}

/**
 * Builds an entry. In `scratch`, if it is given and has room: what is built there lasts until the next is.
 */
export function seal(
  { kind, data }: Content,
  generation: number,
  freshUntil: number,
  staleFor: number,
  tags: readonly Tagged[],
  scratch?: Uint8Array,
): Uint8Array {
  const names = tags.length === 0 ? noNames : tags.map(({ tag }) => encoder.encode(tag));
  const isStale = staleFor >= 1;
  let start = HEADER + (isStale ? 4 : 0) + (names.length > 0 ? 1 : 0);
  for (const name of names) start += 8 + name.length;
  let bytes = room(start + data.length, scratch);
  let isAscii = false;
  if (typeof data === "string") {
    const { read } = encoder.encodeInto(data, bytes.subarray(start));
    isAscii = read === data.length;
    if (!isAscii) {
      const content = encoder.encode(data);
      bytes = room(start + content.length, scratch);
      bytes.set(content, start);
    }
  } else bytes.set(data, start);
  bytes[0] = VERSION;
  bytes[1] = kind | (isAscii ? ASCII : 0) | (isStale ? STALE : 0) | (names.length > 0 ? TAGS : 0);
  write(bytes, 2, generation, 7);
  write(bytes, 9, Math.floor(freshUntil), 6);
  write(bytes, 15, bytes.length - start, 4);
  let at = HEADER;
  if (isStale) {
    write(bytes, at, Math.min(2 ** 32 - 1, Math.floor(staleFor)), 4);
    at += 4;
  }
  if (names.length > 0) bytes[at] = names.length;
  at += 1;
  for (const [i, name] of names.entries()) {
    write(bytes, at, (tags[i] as Tagged).generation, 7);
    bytes[at + 7] = name.length;
    bytes.set(name, at + 8);
    at += 8 + name.length;
  }
  return bytes;
}

const noNames: readonly Uint8Array[] = [];

const room = (length: number, scratch: Uint8Array | undefined): Uint8Array =>
  scratch !== undefined && length <= scratch.length ? scratch.subarray(0, length) : new Uint8Array(length);

function write(bytes: Uint8Array, at: number, value: number, length: number): void {
  let rest = value;
  for (let i = at; i < at + length; i += 1) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

/** Reads a value of Redis where it lies: what begins like something that `seal` wrote is an entry, if not a sound one. */
export function take(texts: Texts, bytes: Uint8Array, start: number, end: number): Held {
  const first = start < end ? (bytes[start] as number) : 0;
  if ((first & 0xf0) !== (VERSION & 0xf0)) return texts.ascii(start, end);
  const size = end - start;
  if (first !== VERSION || size < HEADER) {
    const sign = texts.ascii(start, Math.min(end, start + HEADER));
    return unreadable(
      first === VERSION ? "corrupt" : size >= HEADER && first > VERSION ? "future" : "foreign",
      sign,
      size,
    );
  }
  const flags = bytes[start + 1] as number;
  let at = start + HEADER;
  let staleFor = 0;
  if (flags & STALE) {
    if (at + 4 > end) return corrupt(texts, start, size);
    staleFor = u32(bytes, at);
    at += 4;
  }
  let tags = none;
  if (flags & TAGS) {
    if (at >= end) return corrupt(texts, start, size);
    const read: Tagged[] = [];
    for (let left = bytes[at++] as number; left > 0; left -= 1) {
      const name = at + 8;
      const after = name > end ? name : name + (bytes[at + 7] as number);
      if (after > end) return corrupt(texts, start, size);
      read.push({ tag: texts.utf8(name, after), generation: u56(bytes, at) });
      at = after;
    }
    tags = read;
  }
  if (end - at !== u32(bytes, start + 15)) return corrupt(texts, start, size);
  const kind = flags & KINDS;
  let sign: string;
  let content: string | Uint8Array;
  if (flags & ASCII) {
    const all = texts.ascii(start, end);
    sign = all.slice(0, HEADER);
    content = all.slice(at - start);
  } else {
    sign = texts.ascii(start, start + HEADER);
    content = kind === CONTENT.Json || kind === CONTENT.Rich ? texts.utf8(at, end) : bytes.slice(at, end);
  }
  const freshUntil =
    u32(bytes, start + 9) + 2 ** 32 * ((bytes[start + 13] as number) | ((bytes[start + 14] as number) << 8));
  return {
    problem: undefined,
    kind,
    generation: u56(bytes, start + 2),
    freshUntil,
    staleUntil: freshUntil + staleFor,
    tags,
    content,
    sign,
    size,
  };
}

function unreadable(problem: Unreadable, sign: string, size: number): Entry {
  return { problem, kind: 0, generation: 0, freshUntil: 0, staleUntil: 0, tags: none, content: "", sign, size };
}

const corrupt = (texts: Texts, start: number, size: number): Entry =>
  unreadable("corrupt", texts.ascii(start, start + HEADER), size);

/** The beginning of what a key holds, by which it is known again; empty where there is nothing. */
export function signOf(held: Held | null | undefined): string {
  return typeof held === "string" ? held.slice(0, HEADER) : (held?.sign ?? "");
}

const u32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)) >>>
  0;

const u56 = (bytes: Uint8Array, at: number): number =>
  u32(bytes, at) +
  2 ** 32 * ((bytes[at + 4] as number) | ((bytes[at + 5] as number) << 8) | ((bytes[at + 6] as number) << 16));

/** The number that a generation's key holds; undefined when it holds none. */
export function generationOf(held: unknown): number | undefined {
  return typeof held === "string" && /^\d{1,16}$/.test(held) ? Number(held) : undefined;
}
