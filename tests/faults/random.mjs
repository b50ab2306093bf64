// Random choices that a seed reproduces.

/** Mulberry32 (Tommy Ettinger): guards nothing, and is the same everywhere. */
export class Random {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** From 0 to 1, without 1. */
  fraction() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, both ends included. */
  between(least, most) {
    return least + Math.floor(this.fraction() * (most - least + 1));
  }

  one(items) {
    return items[this.between(0, items.length - 1)];
  }

  /** One of `[weight, item]`. */
  weighted(items) {
    let left = this.fraction() * items.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, item] of items) {
      left -= weight;
      if (left < 0) return item;
    }
    return items.at(-1)[1];
  }

  /** Another one, that draws independently. */
  fork() {
    return new Random(Math.floor(this.fraction() * 2 ** 32));
  }
}

/** The seed of a run: of the environment, or another one each time. */
export const seedOf = (name) => Number(process.env[name] ?? Date.now() % 2 ** 31);
