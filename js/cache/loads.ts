/** Runs loaders: so many at once, and none for ever. */
import type { Inside } from "../client/inside.js";
import type { Timer } from "../transport/types.js";
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
      const context = new Context();
      const ends = inside.now() + this.#limit;
      let timer: Timer;
      // One timer for both: most loads are over before it.
      const wait = () => {
        const left = ends - inside.now();
        timer = inside.setTimer(left > interval ? beat : expire, Math.min(left, interval));
        // Somebody awaits it: without this a process whose loader does nothing that keeps it alive would end under it.
        timer.hold(!isBackground);
      };
      const beat = () => {
        beats();
        wait();
      };
      const expire = () => {
        const reason = late(`took longer than ${this.#limit} ms (loadTimeout)`);
        reject(reason);
        context.abort(reason);
      };
      const landed = (value: unknown) => {
        timer.clear();
        resolve({ value, isSkipped: context.isSkipped });
      };
      const failed = (error: unknown) => {
        timer.clear();
        reject(error);
      };
      wait();
      try {
        Promise.resolve(loader(context)).then(landed, failed);
      } catch (error) {
        failed(error);
      }
    });
  }
}

/** What a loader is given. A signal costs more than the rest of a load, and is only made for who looks at it. */
class Context implements LoadContext {
  isSkipped = false;
  #controller: AbortController | undefined;
  #reason: DOMException | undefined;

  readonly skip = <V>(value: V): V => {
    this.isSkipped = true;
    return value;
  };

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  abort(reason: DOMException): void {
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}

const late = (what: string): DOMException => new DOMException(`edgis/cache: the loader ${what}`, "TimeoutError");
