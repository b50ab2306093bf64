/**
 * What stands before a value in Redis: 24 bytes, and the tags.
 *
 *   0  u8   0xE0 | format version
 *   1  u8   flags: what the content is, and whether its text is ASCII
 *   2  u8   number of tags
 *   3  u56  generation of the namespace, in microseconds
 *  10  u48  fresh until, in milliseconds since the Unix epoch
 *  16  u32  how long it may be served stale after that, in milliseconds
 *  20  u32  bytes of the content
 *  24  for each tag: u56 generation, u8 length, the tag in UTF-8
 *      then the content
 *
 * All integers are little-endian. What does not begin so, has another version or another length than it says is no entry.
 */

/** What the content is. */
export const CONTENT = { Json: 0, Rich: 1, Bytes: 2, Absent: 3, Codec: 4 } as const;
/** The content is ASCII, which is decoded the fastest. */
const ASCII = 0x80;
const KINDS = 0x0f;
const VERSION = 0xe1;
export const HEADER = 24;
/** More tags of one entry are refused. */
export const MOST_TAGS = 255;

/** A tag and the generation that it had when the value was about to be loaded. */
export interface Tagged {
  readonly tag: string;
  readonly generation: number;
}

export interface Header {
  readonly kind: number;
  readonly isAscii: boolean;
  readonly generation: number;
  readonly freshUntil: number;
  readonly staleUntil: number;
  readonly tags: readonly Tagged[];
  /** Where the content begins. */
  readonly start: number;
}

/** Why something is no entry. */
export type Unreadable = "corrupt" | "foreign" | "future";

export interface Content {
  readonly kind: number;
  readonly isAscii: boolean;
  readonly bytes: Uint8Array;
}

const none: readonly Tagged[] = [];
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Builds an entry. */
export function seal(
  content: Content,
  generation: number,
  freshUntil: number,
  staleFor: number,
  tags: readonly Tagged[],
): Uint8Array {
  const names = tags.map(({ tag }) => encoder.encode(tag));
  const start = names.reduce((sum, name) => sum + 8 + name.length, HEADER);
  const bytes = new Uint8Array(start + content.bytes.length);
  bytes[0] = VERSION;
  bytes[1] = content.kind | (content.isAscii ? ASCII : 0);
  bytes[2] = tags.length;
  write(bytes, 3, generation, 7);
  write(bytes, 10, Math.floor(freshUntil), 6);
  write(bytes, 16, Math.min(2 ** 32 - 1, Math.floor(staleFor)), 4);
  write(bytes, 20, content.bytes.length, 4);
  let at = HEADER;
  for (const [i, name] of names.entries()) {
    write(bytes, at, (tags[i] as Tagged).generation, 7);
    bytes[at + 7] = name.length;
    bytes.set(name, at + 8);
    at += 8 + name.length;
  }
  bytes.set(content.bytes, start);
  return bytes;
}

function write(bytes: Uint8Array, at: number, value: number, length: number): void {
  let rest = value;
  for (let i = at; i < at + length; i += 1) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

/** Reads what `seal` wrote, or says why it cannot have. */
export function open(bytes: Uint8Array): Header | Unreadable {
  const first = bytes[0] as number;
  if (first !== VERSION) {
    return bytes.length >= HEADER && (first & 0xf0) === (VERSION & 0xf0) && first > VERSION ? "future" : "foreign";
  }
  if (bytes.length < HEADER) return "corrupt";
  const flags = bytes[1] as number;
  const count = bytes[2] as number;
  const freshUntil = u32(bytes, 10) + 2 ** 32 * ((bytes[14] as number) | ((bytes[15] as number) << 8));
  let start = HEADER;
  let tags = none;
  if (count > 0) {
    const read: Tagged[] = [];
    for (let i = 0; i < count; i += 1) {
      if (start + 8 > bytes.length) return "corrupt";
      const end = start + 8 + (bytes[start + 7] as number);
      if (end > bytes.length) return "corrupt";
      read.push({ tag: decoder.decode(bytes.subarray(start + 8, end)), generation: u56(bytes, start) });
      start = end;
    }
    tags = read;
  }
  if (bytes.length - start !== u32(bytes, 20)) return "corrupt";
  return {
    kind: flags & KINDS,
    isAscii: (flags & ASCII) !== 0,
    generation: u56(bytes, 3),
    freshUntil,
    staleUntil: freshUntil + u32(bytes, 16),
    tags,
    start,
  };
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
export function generationOf(reply: Uint8Array | null | undefined): number | undefined {
  if (!(reply instanceof Uint8Array) || reply.length === 0 || reply.length > 16) return undefined;
  let value = 0;
  for (const byte of reply) {
    if (byte < 0x30 || byte > 0x39) return undefined;
    value = 10 * value + byte - 0x30;
  }
  return value;
}
