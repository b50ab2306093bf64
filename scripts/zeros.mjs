// Leaves out the data segments of a module that are nothing but zeros, which memory is anyway. The linker writes them
// out when it keeps the relocations (scripts/panics.mjs); wasm-opt would also cut the others at each run of zeros, and
// the heads of the pieces cost more than the zeros.
const DATA = 11;
const DATA_COUNT = 12;
const ACTIVE = 0;
const I32_CONST = 0x41;
const END = 0x0b;

/** The module without them. */
export function dropZeros(bytes) {
  const sections = readSections(bytes);
  const kept = segments(
    bytes,
    sections.find(({ id }) => id === DATA),
  ).filter(({ content }) => content.some((byte) => byte !== 0));
  const count = leb(kept.length);
  const replaced = { [DATA]: [count, ...kept.map(({ whole }) => whole)], [DATA_COUNT]: [count] };
  const parts = sections.map(({ id, from, end }) => {
    if (replaced[id] === undefined) return bytes.subarray(from, end);
    const body = Buffer.concat(replaced[id]);
    return Buffer.concat([Buffer.from([id]), leb(body.length), body]);
  });
  return Buffer.concat([bytes.subarray(0, 8), ...parts]);
}

function readSections(bytes) {
  const sections = [];
  for (let from = 8; from < bytes.length; from = sections.at(-1).end) {
    const [length, start] = number(bytes, from + 1);
    sections.push({ id: bytes[from], from, start, end: start + length });
  }
  return sections;
}

function segments(bytes, { start }) {
  let [left, at] = number(bytes, start);
  const found = [];
  for (; left > 0; left -= 1) {
    const from = at;
    // Where it goes to is a constant; what `memory.init` puts somewhere else has a number that must not change.
    if (bytes[at] !== ACTIVE || bytes[at + 1] !== I32_CONST) throw new Error("The module has another kind of segment.");
    const [, end] = number(bytes, at + 2);
    if (bytes[end] !== END) throw new Error("The module has another kind of segment.");
    const [length, content] = number(bytes, end + 1);
    at = content + length;
    found.push({ whole: bytes.subarray(from, at), content: bytes.subarray(content, at) });
  }
  return found;
}

/** An unsigned LEB128, and where it ends. */
function number(bytes, at) {
  let value = 0;
  for (let unit = 1; ; unit *= 128) {
    const byte = bytes[at];
    at += 1;
    value += (byte & 0x7f) * unit;
    if (byte < 128) return [value, at];
  }
}

function leb(value) {
  const bytes = [];
  for (let rest = value; ; rest >>>= 7) {
    bytes.push(rest > 127 ? (rest & 0x7f) | 0x80 : rest);
    if (rest <= 127) return Buffer.from(bytes);
  }
}
