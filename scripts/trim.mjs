// Takes out of the module what neither wasm-opt nor a compressor does.
//
// Data segments that are nothing but zeros, which memory is anyway: the linker writes them out when it keeps the relocations
// (scripts/panics.mjs). wasm-opt would also cut the others at each run of zeros, and the heads of the pieces cost more.
//
// The names of imports: they end with hashes, which are repeated in the glue.
const IMPORT = 2;
const FUNCTION = 0;
const DATA = 11;
const DATA_COUNT = 12;
const ACTIVE = 0;
const I32_CONST = 0x41;
const END = 0x0b;

/** The module with a letter for each name of an import, and which name has become which. */
export function shortenImports(bytes) {
  const section = readSections(bytes).find(({ id }) => id === IMPORT);
  let [left, at] = number(bytes, section.start);
  const parts = [leb(left)];
  const names = new Map();
  const short = () => {
    const [length, start] = number(bytes, at);
    at = start + length;
    const name = bytes.toString("utf8", start, at);
    if (!names.has(name)) names.set(name, String.fromCharCode("a".charCodeAt(0) + names.size));
    parts.push(leb(1), Buffer.from(names.get(name)));
  };
  for (; left > 0; left -= 1) {
    short();
    short();
    if (bytes[at] !== FUNCTION) throw new Error("The module imports more than functions.");
    const [, end] = number(bytes, at + 1);
    parts.push(bytes.subarray(at, end));
    at = end;
  }
  return { names, bytes: replaceSections(bytes, { [IMPORT]: parts }) };
}

/** The module without segments of zeros. */
export function dropZeros(bytes) {
  const sections = readSections(bytes);
  const kept = segments(
    bytes,
    sections.find(({ id }) => id === DATA),
  ).filter(({ content }) => content.some((byte) => byte !== 0));
  const count = leb(kept.length);
  return replaceSections(bytes, {
    [DATA]: [count, ...kept.map(({ whole }) => whole)],
    [DATA_COUNT]: [count],
  });
}

function replaceSections(bytes, replaced) {
  const parts = readSections(bytes).map(({ id, from, end }) => {
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
