/** Reads replies of RESP2 and RESP3, and tells what is none: a peer that is examined may be anything. */

/** An error that the server answered with. */
export class ServerError {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }

  /** As in `WRONGPASS`. */
  get code(): string {
    return this.text.split(" ", 1)[0] as string;
  }
}

/** Maps are arrays of names and values in turns. */
export type Reply = string | number | null | boolean | ServerError | Reply[];

/** The peer does not speak RESP. */
export class NotResp extends Error {}

/** Bytes that a line of a length or an error has at the most. */
const LONGEST_LINE = 64 << 10;
const DEEPEST = 8;

/** The reply that begins at `at`, and where it ends; undefined while it is not whole. Pushes are left out. */
export function readReply(bytes: Buffer, at: number): { reply: Reply; end: number } | undefined {
  const read = readValue(bytes, at, 0);
  if (read === undefined || bytes[at] !== 0x3e) return read;
  return readReply(bytes, read.end);
}

function readValue(bytes: Buffer, at: number, depth: number): { reply: Reply; end: number } | undefined {
  if (at >= bytes.length) return undefined;
  const kind = String.fromCharCode(bytes[at] as number);
  if (!"+-:$*_#,(=%~>!|".includes(kind) || depth > DEEPEST) throw new NotResp("no reply begins so");
  const lineEnd = bytes.indexOf("\r\n", at);
  if (lineEnd < 0) {
    if (bytes.length - at > LONGEST_LINE) throw new NotResp("the line does not end");
    return undefined;
  }
  const line = bytes.toString("utf8", at + 1, lineEnd);
  const next = lineEnd + 2;
  if (kind === "+" || kind === "(") return { reply: line, end: next };
  if (kind === "-") return { reply: new ServerError(line), end: next };
  if (kind === "#") return { reply: line === "t", end: next };
  if (kind === ",") return { reply: Number(line), end: next };
  if (kind === "_") return { reply: null, end: next };
  const count = Number(line);
  if (!/^-?\d+$/.test(line)) throw new NotResp("no number where one must be");
  if (kind === ":") return { reply: count, end: next };
  if (count < 0) return { reply: null, end: next };
  if (kind === "$" || kind === "=" || kind === "!") {
    const end = next + count + 2;
    if (bytes.length < end) return undefined;
    const text = bytes.toString("utf8", next, next + count);
    return { reply: kind === "!" ? new ServerError(text) : kind === "=" ? text.slice(4) : text, end };
  }
  const items: Reply[] = [];
  let end = next;
  for (let i = 0; i < (kind === "%" || kind === "|" ? 2 * count : count); i += 1) {
    const item = readValue(bytes, end, depth + 1);
    if (item === undefined) return undefined;
    items.push(item.reply);
    end = item.end;
  }
  // An attribute stands before the reply that it is about.
  return kind === "|" ? readValue(bytes, end, depth) : { reply: items, end };
}

/** A command as RESP frames it. */
export function frame(args: readonly string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join("")}`;
}

/** Looks up a name in a map. */
export function fieldOf(map: Reply, name: string): Reply | undefined {
  if (!Array.isArray(map)) return undefined;
  const at = map.findIndex((item, index) => index % 2 === 0 && item === name);
  return at < 0 ? undefined : map[at + 1];
}
