// Makes a panic a plain trap, and empties everything that only panics have used.
//
// WebAssembly has no standard error: the message of a panic, the machinery that words it and the places in the sources
// are read by nobody. They are in the module all the same, since the standard library comes compiled. So this does what
// the linker would do if a panic were a trap: it follows the relocations (`--emit-relocs`) from what is exported, stops
// where a panic begins, and overwrites what it has not met: functions by a trap, data by zeros. Nothing moves, and
// wasm-opt drops what is empty. A trap is caught by the shell like any other (`Engine.enter`).

/** Where panics begin: paths in the standard library as they stand in symbols, each name behind its length. */
const panics = [
  /^4core9panicking/,
  /^4core(6option|6result|4cell)\d+\w*(expect|unwrap|panic|failed)/,
  /^4core(5slice|3str)\w*_(fail|failed|fail_rt|mismatch)/,
  /5alloc3vec\w*assert_failed$/,
  /^5alloc7raw_vec\d+(handle_error|capacity_overflow)/,
  /^5alloc5alloc18handle_alloc_error/,
  /^3std6thread5local18panic_access_error/,
];
/** Without these the library has changed, and little would be cut. */
const expected = [/^4core9panicking9panic_fmt/, /^4core9panicking18panic_bounds_check/];

// Numbers of the format, and of its conventions for linking
// (https://github.com/WebAssembly/tool-conventions/blob/main/Linking.md).
const CUSTOM = 0;
const EXPORT = 7;
const CODE = 10;
const DATA = 11;
const SYMBOL_TABLE = 8;
const FUNCTION_NAMES = 1;
const FUNCTION_SYMBOL = 0;
const DATA_SYMBOL = 1;
const SECTION_SYMBOL = 3;
const UNDEFINED = 0x10;
const EXPLICIT_NAME = 0x40;
const TYPE_RELOCATION = 6;
const RELOCATIONS_WITH_ADDEND = [3, 4, 5, 8, 9, 11, 14, 15, 16, 17, 21, 22, 23, 25];
const UNREACHABLE = 0x00;
const NOP = 0x01;
const END = 0x0b;

/** The module, linked with `--emit-relocs`, with its panics cut and without the relocations. */
export function cutPanics(bytes) {
  const { sections, symbols, exported, names } = read(bytes);
  const begins = ({ kind, index }) => kind === FUNCTION_SYMBOL && panics.some((path) => path.test(names.get(index)));
  // A place in the sources is the address and length of a file's name, a line and a column; only panics read it.
  const isPlace = ({ kind, size, uses }) => {
    if (kind !== DATA_SYMBOL || size !== 16 || uses.length !== 1) return false;
    const [{ start, end }] = uses;
    return /\.rs\0?$/.test(bytes.toString("latin1", start, end));
  };
  const missing = expected.filter((path) => ![...names.values()].some((name) => path.test(name)));
  if (missing.length > 0) throw new Error(`The module has no function ${missing.join(", ")}.`);

  const living = new Set();
  const met = symbols.filter((symbol) => symbol.kind === FUNCTION_SYMBOL && exported.has(symbol.index));
  for (let symbol = met.pop(); symbol !== undefined; symbol = met.pop()) {
    if (living.has(symbol) || begins(symbol) || isPlace(symbol)) continue;
    living.add(symbol);
    met.push(...symbol.uses);
  }

  const emptied = Buffer.from(bytes);
  const placed = symbols.filter(({ start, end }) => start < end);
  for (const { kind, start, end } of placed.filter((symbol) => !living.has(symbol))) {
    if (kind === DATA_SYMBOL) emptied.fill(0, start, end);
  }
  // Symbols may share their bytes: what lives wins.
  for (const { kind, start, end } of placed.filter((symbol) => living.has(symbol))) {
    if (kind === DATA_SYMBOL) bytes.copy(emptied, start, start, end);
  }
  const bodies = new Set(
    placed.filter((symbol) => symbol.kind === FUNCTION_SYMBOL && living.has(symbol)).map(({ start }) => start),
  );
  for (const { kind, start, end } of placed) {
    if (kind !== FUNCTION_SYMBOL || bodies.has(start) || end - start < 3) continue;
    // No locals, a trap, and nothing to the end.
    emptied.fill(NOP, start, end);
    emptied.set([0, UNREACHABLE], start);
    emptied[end - 1] = END;
  }
  const kept = sections.filter(({ name }) => name !== "linking" && !name.startsWith("reloc."));
  return Buffer.concat([emptied.subarray(0, 8), ...kept.map(({ from, end }) => emptied.subarray(from, end))]);
}

class Reader {
  constructor(bytes, at) {
    this.bytes = bytes;
    this.at = at;
  }

  byte() {
    this.at += 1;
    return this.bytes[this.at - 1];
  }

  number() {
    let value = 0;
    for (let unit = 1; ; unit *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * unit;
      if (byte < 128) return value;
    }
  }

  text() {
    const { start, end } = this.block();
    return this.bytes.toString("utf8", start, end);
  }

  /** Steps over what its length stands before. */
  block() {
    const length = this.number();
    this.at += length;
    return { start: this.at - length, end: this.at };
  }

  list(one) {
    return Array.from({ length: this.number() }, () => one(this));
  }
}

/** The sections, the functions and data with their uses of each other, and the numbers of the exported functions. */
function read(bytes) {
  const sections = [];
  for (let from = 8; from < bytes.length; from = sections.at(-1).end) {
    const reader = new Reader(bytes, from + 1);
    const content = reader.block();
    const name = bytes[from] === CUSTOM ? new Reader(bytes, content.start).text() : "";
    sections.push({ id: bytes[from], name, from, ...content });
  }
  const at = (wanted) => {
    const { start, name } = sections.find(({ id, name }) => id === wanted || (name !== "" && name === wanted));
    const reader = new Reader(bytes, start);
    if (name !== "") reader.block();
    return reader;
  };
  const bodies = at(CODE).list((reader) => reader.block());
  const segments = at(DATA).list((reader) => {
    // A flag, and where it begins, unless it is passive.
    if (reader.number() !== 1) while (reader.byte() !== END);
    return reader.block();
  });
  const end = (wanted) => sections.find(({ name }) => name === wanted).end;
  const linking = at("linking");
  linking.number();
  const symbols = find(linking, end("linking"), SYMBOL_TABLE).list(readSymbol);
  const imports = new Set(
    symbols.filter(({ kind, isDefined }) => kind === FUNCTION_SYMBOL && !isDefined).map(({ index }) => index),
  ).size;
  for (const symbol of symbols) {
    if (!symbol.isDefined) continue;
    if (symbol.kind === FUNCTION_SYMBOL) Object.assign(symbol, bodies[symbol.index - imports]);
    if (symbol.kind !== DATA_SYMBOL) continue;
    symbol.start = segments[symbol.segment].start + symbol.offset;
    symbol.end = symbol.start + symbol.size;
  }
  for (const { name } of sections) if (name.startsWith("reloc.")) addUses(at(name), sections, symbols);
  const exported = new Set();
  at(EXPORT).list((reader) => {
    reader.block();
    const kind = reader.byte();
    const index = reader.number();
    if (kind === FUNCTION_SYMBOL) exported.add(index);
  });
  const names = new Map(
    find(at("name"), end("name"), FUNCTION_NAMES).list((reader) => [reader.number(), pathOf(reader.text())]),
  );
  return { sections, symbols, exported, names };
}

/** A part of a section that has several, each with its kind and length in front. */
function find(reader, end, wanted) {
  while (reader.at < end) {
    const kind = reader.byte();
    const { start } = reader.block();
    if (kind === wanted) return new Reader(reader.bytes, start);
  }
  throw new Error(`The module lacks a part (${wanted}).`);
}

/** A symbol from where its path begins; Rust has two ways to write them. */
function pathOf(symbol) {
  return symbol.replace(/^_ZN|^_R[A-Za-z]*?Cs[0-9A-Za-z]+_/, "");
}

function readSymbol(reader) {
  const kind = reader.byte();
  const flags = reader.number();
  const isDefined = (flags & UNDEFINED) === 0;
  const symbol = { kind, isDefined, uses: [] };
  if (kind === SECTION_SYMBOL) {
    reader.number();
  } else if (kind === DATA_SYMBOL) {
    reader.block();
    if (isDefined) Object.assign(symbol, { segment: reader.number(), offset: reader.number(), size: reader.number() });
  } else {
    symbol.index = reader.number();
    if (isDefined || flags & EXPLICIT_NAME) reader.block();
  }
  return symbol;
}

/** Tells each symbol which others its bytes name. */
function addUses(reader, sections, symbols) {
  const target = sections[reader.number()];
  if (target.id !== CODE && target.id !== DATA) return;
  const kind = target.id === CODE ? FUNCTION_SYMBOL : DATA_SYMBOL;
  const owners = symbols.filter((symbol) => symbol.kind === kind && symbol.start < symbol.end);
  reader.list(() => {
    const type = reader.byte();
    const place = target.start + reader.number();
    const used = symbols[reader.number()];
    if (RELOCATIONS_WITH_ADDEND.includes(type)) reader.number();
    if (type === TYPE_RELOCATION) return;
    for (const owner of owners) if (owner.start <= place && place < owner.end) owner.uses.push(used);
  });
}
