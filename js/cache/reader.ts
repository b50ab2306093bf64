/**
 * Reads, in one question a tick: the calls of a tick share an MGET, in which the generation of the namespace stands once.
 * What it brings is only handed out if it was answered on the link that it was asked on, behind an open gate.
 */
import { ReadFailure } from "./failure.js";
import type { Gate } from "./gate.js";
import type { Mark } from "./memory.js";
import type { Sender } from "./sender.js";
import type { Space, Zone } from "./space.js";

/** Keys of one MGET: more would keep other replies waiting. */
const MOST_KEYS = 256;
/** A link that is lost again and again is not believed in. */
const ATTEMPTS = 3;

export type Reply = Uint8Array | null;

/** What the calls of a tick want to know. */
export class Batch {
  readonly keys: string[] = [];
  readonly #index = new Map<string, number>();
  #values: Reply[] = [];
  readonly done: Promise<void>;
  #settle: { resolve(): void; reject(error: unknown): void } | undefined;
  /** When it was asked, in the engine's milliseconds… */
  askedAt = 0;
  /** …and when it was answered, in milliseconds since the epoch. */
  answeredAt = 0;
  /** What had been heard of changes when it was asked, for who keeps the answer in memory. */
  mark: Mark | undefined;

  constructor() {
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Each of those that wait goes on without the cache.
    this.done.catch(() => {});
  }

  want(key: string): void {
    if (this.#index.has(key)) return;
    this.#index.set(key, this.keys.length);
    this.keys.push(key);
  }

  /** Undefined: nobody asked. */
  value(key: string): Reply | undefined {
    const at = this.#index.get(key);
    return at === undefined ? undefined : (this.#values[at] as Reply);
  }

  settle(outcome: { values: Reply[] } | { error: unknown }): void {
    if ("error" in outcome) this.#settle?.reject(outcome.error);
    else {
      this.#values = outcome.values;
      this.#settle?.resolve();
    }
  }
}

export class Reader {
  readonly #sender: Sender;
  readonly #space: Space;
  readonly #gate: Gate;
  /** The open batches, by budget. */
  readonly #open = new WeakMap<Zone, Map<number, Batch>>();

  constructor(sender: Sender, space: Space, gate: Gate) {
    this.#sender = sender;
    this.#space = space;
    this.#gate = gate;
  }

  /** The batch of this tick; what is wanted of it must be said before the tick ends. */
  batch(zone: Zone, scope: object, budget: number): Batch {
    let open = this.#open.get(zone);
    if (open === undefined) {
      open = new Map();
      this.#open.set(zone, open);
    }
    let batch = open.get(budget);
    if (batch === undefined) {
      batch = new Batch();
      open.set(budget, batch);
      const asked = batch;
      const batches = open;
      this.#sender.inside.defer(() => {
        batches.delete(budget);
        this.#ask(asked, zone, scope, budget).then(
          (values) => {
            asked.answeredAt = this.#sender.inside.wallClock();
            asked.settle({ values });
          },
          (error) => asked.settle({ error }),
        );
      });
    }
    return batch;
  }

  async #ask(batch: Batch, zone: Zone, scope: object, budget: number): Promise<Reply[]> {
    const { inside } = this.#sender;
    const start = inside.now();
    batch.askedAt = start;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const left = budget - (inside.now() - start);
      if (left < 1) throw new ReadFailure("timeout");
      const epoch = this.#sender.nextEpoch;
      const { l1 } = this.#space;
      batch.mark = l1?.begin(inside.now());
      const gate = this.#gate.open(zone, scope, epoch);
      const reading = this.#values(batch.keys, left);
      if (gate !== undefined) {
        const opened = await this.#within(gate, left, reading);
        if (opened === "again") continue;
        if (opened === "timeout") throw new ReadFailure("timeout");
        if (opened !== "open") throw opened;
      }
      const values = await reading;
      if (inside.epoch === epoch) {
        if (batch.mark !== undefined) l1?.heard(batch.mark.at);
        return values;
      }
    }
    throw new ReadFailure("lost");
  }

  /** The gate has a patience of its own; who waits for it has a budget. */
  #within<T>(gate: Promise<T>, left: number, reading: Promise<unknown>): Promise<T | "timeout"> {
    // If the gate does not open nobody looks at what was read.
    reading.catch(() => {});
    return new Promise((resolve) => {
      const timer = this.#sender.inside.setTimer(() => resolve("timeout"), left);
      timer.hold(true);
      gate.then((opened) => {
        timer.clear();
        resolve(opened);
      });
    });
  }

  #values(keys: string[], budget: number): Promise<Reply[]> {
    const view = this.#sender.within(budget);
    if (this.#space.isScattered) return this.#scattered(keys, budget);
    const asked: Promise<Reply[]>[] = [];
    for (let at = 0; at < keys.length; at += MOST_KEYS) {
      asked.push(view.call("MGET", keys.slice(at, at + MOST_KEYS)) as Promise<Reply[]>);
    }
    return Promise.all(asked).then(
      (all) => (all.length === 1 ? (all[0] as Reply[]) : all.flat()),
      (error) => {
        if ((error as { code?: unknown }).code !== "CROSSSLOT") throw error;
        this.#space.isScattered = true;
        return this.#scattered(keys, budget);
      },
    );
  }

  /** On a cluster. The keys of entries stand before those of generations, so what was raised in between is seen. */
  #scattered(keys: string[], budget: number): Promise<Reply[]> {
    const view = this.#sender.within(budget);
    return Promise.all(
      keys.map((key) =>
        view.get(key).catch((error) => {
          // MGET says of a key of another type that there is nothing.
          if ((error as { code?: unknown }).code === "WRONGTYPE") return null;
          throw error;
        }),
      ),
    );
  }
}
