/** Whose data this process has believed, and whether those that answer now go on from there. */

/** Data that are known again when an address leads back to them. */
const MOST = 20;

/** What a server says of its data. */
export interface Data {
  readonly id: string;
  /** How much has been replicated under that id; it never goes back. Undefined where that is not known. */
  readonly offset: number | undefined;
}

/**
 * `first`: none were believed before. `same`: they go on from those that were believed last. `older`: they are those, as they
 * were a while ago. `back`: they were believed once, and others since: what those were told these were not. `other`: they
 * were never seen.
 */
export type Kinship = "first" | "same" | "older" | "back" | "other";

export class Servers {
  #known: readonly string[] = [];
  #offset: number | undefined;
  /** When the offset came. */
  #answeredAt = Number.NEGATIVE_INFINITY;

  /** Whose data were believed last. */
  get last(): string | undefined {
    return this.#known.at(-1);
  }

  /** `askedAt`: who asked before the last answer may have been answered before, too. */
  judge({ id, offset }: Data, askedAt: number): Kinship {
    const last = this.#known.at(-1);
    if (last === undefined) return "first";
    if (last !== id) return this.#known.includes(id) ? "back" : "other";
    if (offset === undefined || this.#offset === undefined || askedAt < this.#answeredAt) return "same";
    return offset < this.#offset ? "older" : "same";
  }

  believe({ id, offset }: Data, askedAt: number, answeredAt: number): void {
    if (this.#known.at(-1) !== id) {
      this.#known = [...this.#known.filter((known) => known !== id), id].slice(-MOST);
    } else if (askedAt < this.#answeredAt) return;
    this.#offset = offset;
    this.#answeredAt = answeredAt;
  }
}
