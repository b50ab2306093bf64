/** Arguments of a command that is too large to be staged whole, as the server reads them. */

/** A valid argument of a command. */
export type Argument = string | Uint8Array;

const encoder = new TextEncoder();
/** A UTF-16 unit is three bytes of UTF-8 at the most; a head is `$`, ten digits and two line ends. */
const UNIT = 3;
const HEAD = 15;

/** Arguments `from` to `end` as RESP bulk strings. */
export function framed(args: readonly Argument[], from: number, end: number): Uint8Array {
  let most = 0;
  for (let i = from; i < end; i += 1) most += (args[i] as Argument).length + HEAD;
  let out = new Uint8Array(most);
  let at = 0;
  for (let i = from; i < end; i += 1) {
    const argument = args[i] as Argument;
    const isText = typeof argument === "string";
    const room = (isText ? UNIT : 1) * argument.length + 2 * HEAD;
    if (at + room > out.length) {
      const larger = new Uint8Array(2 * out.length + room);
      larger.set(out.subarray(0, at));
      out = larger;
    }
    // Text comes first to a place behind the longest head: only then its length is known.
    const content = at + HEAD;
    let length: number;
    if (isText) length = encoder.encodeInto(argument, out.subarray(content, content + UNIT * argument.length)).written;
    else {
      length = argument.length;
      out.set(argument, content);
    }
    const head = `$${length}\r\n`;
    for (let j = 0; j < head.length; j += 1) out[at + j] = head.charCodeAt(j);
    out.copyWithin(at + head.length, content, content + length);
    at += head.length + length;
    out[at] = 13;
    out[at + 1] = 10;
    at += 2;
  }
  return out.slice(0, at);
}
