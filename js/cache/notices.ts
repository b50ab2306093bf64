/** What a log should say once, however often it happens. Keys and values are nobody's business: neither is shown. */
import type { Inside } from "../client/inside.js";
import type { Names } from "./keys.js";

/** Lines of a namespace: beyond that the counts of `stats()` must do. */
const MOST = 50;
/** Milliseconds after which a refusal is said again. */
const AGAIN = 60_000;

/** The commands that a cache sends, also in scripts: what a user must be granted beside the patterns of its keys. */
export const COMMANDS = "+get +mget +set +del +getrange +pexpire +pttl +eval +evalsha +info";

const consequences = {
  reads: "Values are loaded each time",
  stores: "Values are loaded each time",
  invalidates: "It is kept in the journal and tried again; what it concerns is not read meanwhile",
} as const;

/** Of scripts the code does not say so, nor do the words of all servers say which command it was. */
const isDenial = (code: unknown, words: string): boolean =>
  code === "NOPERM" || /ACL failure|user executing the script can't/.test(words);

export class Notices {
  readonly #names: Names;
  readonly #said = new Map<string, number>();

  constructor(names: Names) {
    this.#names = names;
  }

  /** A value that is never stored costs a load each time. */
  unstorable(inside: Inside, namespace: string, name: string, why: string): void {
    const pattern = patternOf(name);
    this.#say(inside, `unstorable ${pattern}`, Number.POSITIVE_INFINITY, () => {
      return `cache "${namespace}": what is loaded for keys like ${pattern} is returned and not stored, and is loaded each time: ${why}`;
    });
  }

  /** Redis answers, and does not do it (OOM, MISCONF, NOREPLICAS, NOPERM): no outage that passes by itself. */
  refused(inside: Inside, namespace: string, what: keyof typeof consequences, error: unknown): void {
    const { code, message } = Object(error) as { code?: unknown; message?: unknown };
    this.#say(inside, `${what} ${code}`, AGAIN, () => {
      const words = String(message);
      const grants = isDenial(code, words) ? `. Its user needs ${this.#names.patterns} ${COMMANDS}` : "";
      return `cache "${namespace}": Redis refuses what ${what} (${code}): ${words}. ${consequences[what]}${grants}`;
    });
  }

  /** INFO is denied. */
  anonymous(inside: Inside, namespace: string): void {
    this.#say(inside, "anonymous", Number.POSITIVE_INFINITY, () => {
      return `cache "${namespace}": the server does not say whose data it has, so all is given up after each outage. Its user needs +info`;
    });
  }

  #say(inside: Inside, key: string, again: number, line: () => string): void {
    const now = inside.now();
    const before = this.#said.get(key);
    if (before === undefined ? this.#said.size >= MOST : now - before < again) return;
    this.#said.set(key, now);
    inside.warn?.(line());
  }
}

/** The first part of a key, where it looks like the name of what the rest tells apart. */
function patternOf(name: string): string {
  const [, part, separator] = /^(?:\["|=)?([A-Za-z][\w-]{0,29})(["]?[:/|.,])/.exec(name) ?? [];
  if (part === undefined || /\d{4}/.test(part)) return "*";
  return name.startsWith("[") ? `["${part}", *]` : `${part}${separator}*`;
}
