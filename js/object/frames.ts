/**
 * Reads the bytes of the other end of a relay. It may be of another version, or an impostor: every length is checked against
 * the bytes that are there, and anything unexpected throws.
 */

const CR = 0x0d;
const LF = 0x0a;
/** No command has a longer name. */
const LONGEST_NAME = 256;

const decoder = new TextDecoder();

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isDone(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The character that says what follows. */
  kind(): string {
    this.#at += 1;
    return String.fromCharCode(this.#bytes[this.#at - 1] as number);
  }

  /** Passes a line end. */
  #endLine(): void {
    if (this.#bytes[this.#at] !== CR || this.#bytes[this.#at + 1] !== LF) throw malformed("a line does not end");
    this.#at += 2;
  }

  /** A count at the end of a line. Each counted item takes at least a byte, so a count above the number of bytes throws. */
  count(): number {
    let number = 0;
    const start = this.#at;
    for (; ; this.#at += 1) {
      const digit = (this.#bytes[this.#at] ?? CR) - 0x30;
      if (digit < 0 || digit > 9) break;
      number = 10 * number + digit;
      if (number > this.#bytes.length) throw malformed("a length is larger than all there is");
    }
    if (this.#at === start) throw malformed("a length is missing");
    this.#endLine();
    return number;
  }

  /** So many bytes and the line end behind them; they share the memory of all. */
  bulk(length: number): Uint8Array {
    const start = this.#at;
    this.skip(length);
    return this.#bytes.subarray(start, start + length);
  }

  skip(length: number): void {
    this.#at += length;
    this.#endLine();
  }

  skipLine(): void {
    const end = this.#bytes.indexOf(CR, this.#at);
    if (end < 0) throw malformed("a line does not end");
    this.#at = end;
    this.#endLine();
  }
}

const malformed = (what: string): Error => new Error(`the other end of the relay does not speak its language: ${what}`);

/** How many arguments the next command has, its name included. */
function argumentCount(reader: Reader): number {
  if (reader.kind() !== "*") throw malformed("a command does not begin");
  const count = reader.count();
  if (count === 0) throw malformed("a command has no name");
  return count;
}

function argumentLength(reader: Reader): number {
  if (reader.kind() !== "$") throw malformed("an argument does not begin");
  return reader.count();
}

/** The commands of a tick, each with its name and arguments, which share the memory of `frames`. */
export function commandsOf(frames: Uint8Array): [string, ...Uint8Array[]][] {
  if (!(frames instanceof Uint8Array)) throw malformed("these are no bytes");
  const reader = new Reader(frames);
  const commands: [string, ...Uint8Array[]][] = [];
  while (!reader.isDone) {
    const count = argumentCount(reader);
    const length = argumentLength(reader);
    if (length === 0 || length > LONGEST_NAME) throw malformed("no command has such a name");
    const command: [string, ...Uint8Array[]] = [decoder.decode(reader.bulk(length))];
    for (let i = 1; i < count; i += 1) command.push(reader.bulk(argumentLength(reader)));
    commands.push(command);
  }
  return commands;
}

/** How many commands there are. */
export function commandCount(frames: Uint8Array): number {
  const reader = new Reader(frames);
  let commands = 0;
  for (; !reader.isDone; commands += 1) {
    for (let left = argumentCount(reader); left > 0; left -= 1) reader.skip(argumentLength(reader));
  }
  return commands;
}

/** How many replies there are, all of them whole. What they say is the core's to read. */
export function replyCount(bytes: Uint8Array): number {
  const reader = new Reader(bytes);
  let replies = 0;
  for (; !reader.isDone; replies += 1) {
    for (let left = 1; left > 0; left -= 1) left += element(reader);
  }
  return replies;
}

/** Passes the head of a reply, or of an element of one; gives how many elements follow it. */
function element(reader: Reader): number {
  switch (reader.kind()) {
    case "$":
      reader.skip(reader.count());
      return 0;
    case "*":
      return reader.count();
    case "%":
      return 2 * reader.count();
    case "+":
    case "-":
    case ":":
    case "(":
    case ",":
    case "#":
    case "_":
      reader.skipLine();
      return 0;
    default:
      throw malformed("a reply does not begin");
  }
}
