// Collects the failures in the output of a suite: names of tests and the beginning of each message. CI keeps the
// end of the output alone, so scripts/test.mjs tells it once more there.
import { stripVTControlCharacters } from "node:util";

const LINES = 8;
const LENGTH = 300;

/** The lines with which the report of a failure begins; the first group is kept. */
const beginnings = [
  /^\s*(✖ .*)/, // node:test
  /^---- (.*) (?:stdout|output) ----$/, // libtest, and that of wasm-bindgen
  /^(error(?:\[E\d+\])?: (?!Test failed).*|AssertionError.*)/, // rustc; Bun, which says this first and the name last
  /^(\(fail\) .*)/, // Bun
  /^(.* => .*:\d+:\d+)$/, // Deno
  /^(\S+\.test\.mjs +\d+ passed, [1-9]\d* failed.*)/, // tests/js/on.mjs
  /^(\S.{30,} failed +\d+\.\d s)$/, // tests/packaging/table.mjs
];
/** The end of a message: a stack, properties of the error, other headlines. */
const ending = /^\s*at |^ *generatedMessage: |^note: run with|^test at |^failures:|^ (?:ERRORS|FAILURES) $|^\s*[ℹ✔▶]/;
/** After this node:test tells all failures again, and no line of another test stands between. */
const again = /^✖ failing tests:$/;

function begun(line) {
  for (const pattern of beginnings) {
    const match = pattern.exec(line);
    if (match !== null) return match[1];
  }
  return undefined;
}

export class Failures {
  /** The lines of each, by the first one: Deno lists the names twice. */
  #found = new Map();
  #open;
  #last = [];

  /** Takes the next line of the output. */
  take(colored) {
    const line = stripVTControlCharacters(colored);
    if (line.trim() === "") return;
    this.#last = [...this.#last.slice(1 - LINES), line];
    if (again.test(line)) {
      this.#found.clear();
      this.#open = undefined;
      return;
    }
    const first = begun(line);
    if (first !== undefined) {
      this.#open = this.#found.has(first) ? undefined : [first];
      if (this.#open !== undefined) this.#found.set(first, this.#open);
      // Of Bun's lines the name is the last one.
      if (first.startsWith("(fail)")) this.#open = undefined;
    } else if (ending.test(line)) this.#open = undefined;
    else if (this.#open !== undefined && this.#open.length < LINES) this.#open.push(line);
  }

  /** The beginnings of all failures; if none was found, the last lines of the suite. */
  told() {
    const found = this.#found.size > 0 ? [...this.#found.values()].flat() : this.#last;
    return found.map((line) => line.slice(0, LENGTH));
  }
}
