/** What a log should say once, however often it happens. Keys and values are nobody's business: neither is shown. */
import type { Inside } from "../client/inside.js";

/** Lines of a namespace: beyond that the counts of `stats()` must do. */
const MOST = 50;
/** Milliseconds after which a refusal is said again. */
const AGAIN = 60_000;

export class Notices {
  readonly #said = new Map<string, number>();

  /** A value that is never stored costs a load each time. */
  unstorable(inside: Inside, namespace: string, name: string, why: string): void {
    const pattern = patternOf(name);
    this.#say(inside, `unstorable ${pattern}`, Number.POSITIVE_INFINITY, () => {
      return `cache "${namespace}": what is loaded for keys like ${pattern} is returned and not stored, and is loaded each time: ${why}`;
    });
  }

  /** Redis answers, and does not do it (OOM, MISCONF, NOREPLICAS, NOPERM): no outage that passes by itself. */
  refused(inside: Inside, namespace: string, what: "invalidates" | "stores", error: unknown): void {
    const { code, message } = Object(error) as { code?: unknown; message?: unknown };
    const then =
      what === "stores"
        ? "Values are loaded each time"
        : "It is kept in the journal and tried again; what it concerns is not read meanwhile";
    this.#say(inside, `${what} ${code}`, AGAIN, () => {
      return `cache "${namespace}": Redis refuses what ${what} (${code}): ${message}. ${then}`;
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
