/** Runs loaders: so many at once, and none for ever. */
import type { Inside } from "../client/inside.js";
import type { LoadContext, Loader } from "./types.js";

export interface LoadResult {
  readonly value: unknown;
  /** The loader said that it is not to be stored. */
  readonly isSkipped: boolean;
}

interface Waiting {
  start(): void;
}

export class Loads {
  readonly #most: number;
  readonly #limit: number;
  #running = 0;
  readonly #queue: Waiting[] = [];

  /** `limit`: the milliseconds that a load may take, and may wait for its turn. */
  constructor(most: number, limit: number) {
    this.#most = most;
    this.#limit = limit;
  }

  /**
   * Runs a loader. Rejects with what it throws; with a `TimeoutError` as `AbortSignal.timeout` gives it when it takes too long,
   * which also aborts the signal that it was given. `beats` is called again and again meanwhile, every `interval` milliseconds.
   */
  async run<T>(
    loader: Loader<T>,
    inside: Inside,
    isBackground: boolean,
    begins: () => void,
    beats: () => void,
    interval: number,
  ): Promise<LoadResult> {
    if (this.#running >= this.#most) await this.#turn(inside);
    this.#running += 1;
    begins();
    try {
      return await this.#timed(loader, inside, isBackground, beats, interval);
    } finally {
      this.#running -= 1;
      this.#queue.shift()?.start();
    }
  }

  #turn(inside: Inside): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = {
        start: () => {
          timer.clear();
          resolve();
        },
      };
      const timer = inside.setTimer(() => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1);
        reject(late(`waited longer than ${this.#limit} ms for other loads (maxConcurrentLoads)`));
      }, this.#limit);
      timer.hold(true);
      this.#queue.push(waiting);
    });
  }

  #timed<T>(
    loader: Loader<T>,
    inside: Inside,
    isBackground: boolean,
    beats: () => void,
    interval: number,
  ): Promise<LoadResult> {
    return new Promise((resolve, reject) => {
      const controller = new AbortController();
      const deadline = inside.setTimer(() => {
        const reason = late(`took longer than ${this.#limit} ms (loadTimeout)`);
        end();
        reject(reason);
        controller.abort(reason);
      }, this.#limit);
      // Somebody awaits it: without this a process whose loader does nothing that keeps it alive would end under it.
      deadline.hold(!isBackground);
      const beat = () => {
        beats();
        heart = inside.setTimer(beat, interval);
      };
      let heart = inside.setTimer(beat, interval);
      const end = () => {
        deadline.clear();
        heart.clear();
      };
      let isSkipped = false;
      const context: LoadContext = {
        signal: controller.signal,
        skip(value) {
          isSkipped = true;
          return value;
        },
      };
      const landed = (value: unknown) => {
        end();
        resolve({ value, isSkipped });
      };
      const failed = (error: unknown) => {
        end();
        reject(error);
      };
      try {
        Promise.resolve(loader(context)).then(landed, failed);
      } catch (error) {
        failed(error);
      }
    });
  }
}

const late = (what: string): DOMException => new DOMException(`edgis/cache: the loader ${what}`, "TimeoutError");
