/**
 * Collects the questions of a tick: equal requests of a key are one item, and the items of up to 64 keys one script. A
 * script blocks the server for its whole run, some 2 µs a key.
 */
import { evaluate, type Sends } from "../client/script.js";
import type { Answer } from "./rules.js";
import { BLOCKED, KINDS, NONE, type Rule } from "./rules.js";
import { DECIDE, FIELDS } from "./scripts.js";

const MOST_KEYS = 64;

/** Requests of one key that cost the same. */
export interface Item {
  readonly key: string;
  readonly cost: number;
  /** How many; 0 only looks. */
  asked: number;
  readonly waiters: Waiter[];
}

export interface Waiter {
  /** Of the item's requests, how many are this caller's. */
  readonly needs: number;
  readonly settle: (answer: Answer | undefined, reason: string, isAdmitted: boolean, remaining: number) => void;
}

/** Of those who may await each other's promises. */
export class Questions {
  readonly items: Item[] = [];
  readonly #last = new Map<string, Item>();

  /** Adds requests of a key, in the order of the calls. */
  add(key: string, cost: number, asked: number, waiter: Waiter): void {
    let item = asked === 0 ? undefined : this.#last.get(key);
    if (item === undefined || item.cost !== cost) {
      item = { key, cost, asked: 0, waiters: [] };
      this.items.push(item);
      if (asked > 0) this.#last.set(key, item);
    }
    item.asked += asked;
    item.waiters.push(waiter);
  }

  /** The items by the scripts that decide about them. Of one that holds a key twice, each run sees what the one before left. */
  *portions(): Generator<Item[]> {
    for (let at = 0; at < this.items.length; at += MOST_KEYS) yield this.items.slice(at, at + MOST_KEYS);
  }
}

export class Asker {
  readonly #client: Sends;
  readonly #space: { front: string; back: string };
  readonly #rules: readonly string[];

  constructor(client: Sends, space: { front: string; back: string }, rules: readonly Rule[]) {
    this.#client = client;
    this.#space = space;
    this.#rules = rules.flatMap(({ algorithm, limit, window, capacity }) => [
      KINDS[algorithm],
      `${limit}`,
      `${window}`,
      `${capacity}`,
    ]);
  }

  keyOf(key: string): string {
    return this.#space.front + key + this.#space.back;
  }

  async ask(items: readonly Item[]): Promise<Answer[]> {
    const keys = items.map(({ key }) => this.keyOf(key));
    const args = [...this.#rules];
    for (const { cost, asked } of items) args.push(`${cost}`, `${asked}`);
    const fields = (await evaluate(this.#client, DECIDE, keys, args)) as readonly (number | bigint)[];
    return items.map((_, index) => answerOf(fields, FIELDS * index));
  }
}

/** Reads one answer. Rules count from 1, as in Lua; 0 means no rule, and -1 a block. */
function answerOf(fields: readonly (number | bigint)[], at: number): Answer {
  const denying = Number(fields[at + 4]);
  return {
    admitted: Number(fields[at]),
    remaining: Number(fields[at + 1]),
    tightest: Number(fields[at + 2]) - 1,
    reset: Number(fields[at + 3]),
    denying: denying === 0 ? NONE : denying < 0 ? BLOCKED : denying - 1,
    wait: Number(fields[at + 5]),
  };
}
