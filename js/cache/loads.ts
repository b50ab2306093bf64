/** Runs loaders: so many at once, and none for ever. */
import type { Inside } from "../client/inside.js";
import type { Timer } from "../transport/runtime.js";
import type { LoadContext, Loader } from "./types.js";

export interface LoadResult {
  readonly value: unknown;
  /** The loader said that it is not to be stored. */
  readonly isSkipped: boolean;
}

/** What is told of a load, and of one that waits for its turn, by what it is known as to those who want it. */
export interface LoadEvents<K> {
  begins(key: K): void;
  /** Again and again, every `interval` milliseconds. */
  goesOn(key: K): void;
  readonly interval: number;
}

/** Loads among which there is a limit. */
class Lane {
  running = 0;
  /** Whoever waits is started by a call. */
  readonly queue: (() => void)[] = [];

  /** Whoever waits gets the place. */
  readonly ended = (): void => {
    const next = this.queue.shift();
    if (next === undefined) this.running -= 1;
    else next();
  };
}

export class Loads {
  readonly #most: number;
  readonly #limit: number;
  readonly #lane = new Lane();
  /** Where there are requests: one that is given up in the middle of a load would take its place along. */
  readonly #lanes = new WeakMap<object, Lane>();

  /** `limit`: the milliseconds that a load may take, and may wait for its turn. */
  constructor(most: number, limit: number) {
    this.#most = most;
    this.#limit = limit;
  }

  /**
   * Runs a loader. Rejects with what it throws; with a `TimeoutError` as `AbortSignal.timeout` gives it when it takes too long,
   * which also aborts the signal that it was given.
   */
  run<K>(
    loader: Loader<unknown>,
    inside: Inside,
    isBackground: boolean,
    key: K,
    events: LoadEvents<K>,
  ): Promise<LoadResult> {
    const lane = inside.isScoped ? this.#laneOf(inside.scope as object) : this.#lane;
    const start = () => {
      events.begins(key);
      return new Load().run(loader, inside, this.#limit, isBackground, key, events, lane.ended);
    };
    if (lane.running >= this.#most) return this.#turn(lane, inside, isBackground, key, events).then(start);
    lane.running += 1;
    return start();
  }

  #laneOf(scope: object): Lane {
    let lane = this.#lanes.get(scope);
    if (lane === undefined) {
      lane = new Lane();
      this.#lanes.set(scope, lane);
    }
    return lane;
  }

  #turn<K>({ queue }: Lane, inside: Inside, isBackground: boolean, key: K, events: LoadEvents<K>): Promise<void> {
    return new Promise((resolve, reject) => {
      const next = () => {
        watch.clear();
        resolve();
      };
      const watch = new Watch(inside, this.#limit, isBackground, key, events, () => {
        queue.splice(queue.indexOf(next), 1);
        reject(late(`waited longer than ${this.#limit} ms for other loads (maxConcurrentLoads)`));
      });
      queue.push(next);
    });
  }
}

/** A limit in time, and what is told of until then. One timer for both: most loads are over before it. */
class Watch<K> {
  readonly #inside: Inside;
  /** Milliseconds that are left, of those in which the process ran. */
  #left: number;
  readonly #isBackground: boolean;
  readonly #key: K;
  readonly #events: LoadEvents<K>;
  readonly #expired: () => void;
  #timer: Timer | undefined;

  constructor(
    inside: Inside,
    limit: number,
    isBackground: boolean,
    key: K,
    events: LoadEvents<K>,
    expired: () => void,
  ) {
    this.#inside = inside;
    this.#left = limit;
    this.#isBackground = isBackground;
    this.#key = key;
    this.#events = events;
    this.#expired = expired;
    this.#wait();
  }

  #wait(): void {
    const wait = Math.min(this.#left, this.#events.interval);
    // Timers are counted, and no clock: one that is set, or a machine that sleeps, takes none of the loader's time.
    this.#timer = this.#inside.setTimer(() => {
      this.#left -= wait;
      if (this.#left < 1) {
        this.#expired();
        return;
      }
      this.#events.goesOn(this.#key);
      this.#wait();
    }, wait);
    // Somebody awaits it: without this a process whose loader does nothing that keeps it alive would end under it.
    this.#timer.hold(!this.#isBackground);
  }

  clear(): void {
    this.#timer?.clear();
  }
}

/** A loader that runs, and what it is given. */
class Load implements LoadContext {
  #isOver = false;
  #isSkipped = false;
  #controller: AbortController | undefined;
  #abortedFor: DOMException | undefined;

  run<K>(
    loader: Loader<unknown>,
    inside: Inside,
    limit: number,
    isBackground: boolean,
    key: K,
    events: LoadEvents<K>,
    ended: () => void,
  ): Promise<LoadResult> {
    return new Promise((resolve, reject) => {
      /** Says whether it had not ended yet. */
      const end = (): boolean => {
        if (this.#isOver) return false;
        this.#isOver = true;
        watch.clear();
        ended();
        return true;
      };
      const failed = (error: unknown) => {
        if (end()) reject(error);
      };
      const watch = new Watch(inside, limit, isBackground, key, events, () => {
        const reason = late(`took longer than ${limit} ms (loadTimeout)`);
        failed(reason);
        this.#abortedFor = reason;
        this.#controller?.abort(reason);
      });
      let given: unknown;
      try {
        given = loader(this);
      } catch (error) {
        failed(error);
        return;
      }
      Promise.resolve(given).then((value) => {
        if (end()) resolve({ value, isSkipped: this.#isSkipped });
      }, failed);
    });
  }

  /** Costs more than the rest of a load, and is only made for who looks at it. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortedFor !== undefined) this.#controller.abort(this.#abortedFor);
    }
    return this.#controller.signal;
  }

  get skip(): <V>(value: V) => V {
    return (value) => {
      this.#isSkipped = true;
      return value;
    };
  }
}

const late = (what: string): DOMException => new DOMException(`edgis/cache: the loader ${what}`, "TimeoutError");
