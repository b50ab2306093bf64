/**
 * Generations in Redis: of the namespace, of tags. They live for as long as what carries them, and a little longer, so that
 * tags which are used once leave nothing behind. What has lost its marker is a miss.
 */
import { Bounded } from "../core/bounded.js";
import { generationOf } from "./envelope.js";
import { ENSURE } from "./scripts.js";
import type { Sender, View } from "./sender.js";
import type { Space } from "./space.js";
import { newGeneration } from "./unique.js";

/** A namespace is in use for longer than one of its entries, as a rule. */
const NAMESPACE_LIFE = 3_600_000;
/** Markers of which it is remembered how long they live. */
const MOST = 5_000;

interface Life {
  readonly generation: number;
  /** In the engine's milliseconds. */
  readonly until: number;
}

/** Remembers how long markers live. */
export class Lives {
  readonly #known = new Bounded<Life>(MOST);

  remember(key: string, life: Life): void {
    this.#known.set(key, life);
  }

  covers(key: string, generation: number, until: number): boolean {
    const life = this.#known.get(key);
    return life !== undefined && life.generation === generation && life.until >= until;
  }
}

export class Markers {
  readonly #sender: Sender;
  readonly #space: Space;

  constructor(sender: Sender, space: Space) {
    this.#sender = sender;
    this.#space = space;
  }

  /** The generation under that key, made where there is none; it will outlive what lives for so many milliseconds. */
  async ensure(view: View, key: string, life: number): Promise<number | undefined> {
    const { names, lives } = this.#space;
    const least = key === names.generation ? NAMESPACE_LIFE : 0;
    // Half as much again: who stores entries all the time need not prolong it each time.
    const lasts = Math.max(least, Math.ceil(1.5 * life) + 500);
    const until = this.#sender.inside.now() + lasts;
    const generation = generationOf(await this.#sender.run(view, ENSURE, [key], [newGeneration(), lasts]));
    if (generation !== undefined) lives.remember(key, { generation, until });
    return generation;
  }

  /** Sees to it that the marker outlives an entry that carries it. If that fails the entry will be a miss. */
  outlive(view: View, key: string, generation: number, life: number): void {
    if (this.#space.lives.covers(key, generation, this.#sender.inside.now() + life)) return;
    this.ensure(view, key, life).catch(() => {});
  }
}
