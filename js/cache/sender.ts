/** The commands of a cache, each within what is left of somebody's budget. */
import type { Client } from "../client/api.js";
import { type HasInside, INSIDE, type Inside, TAKE } from "../client/inside.js";
import type { Script } from "../client/script.js";
import { take } from "./envelope.js";
import { isAnswer } from "./failure.js";

/** Budgets differ by the millisecond; views of the client that differ by less than this part are one. */
const STEPS = 32;

/** Replies are what `take` makes of them. */
export interface View extends Client<Uint8Array> {
  callAll(args: readonly unknown[]): Promise<unknown>;
  /** Arguments that need no conversion. */
  send(args: readonly (string | Uint8Array)[]): Promise<unknown>;
}

/** Of a script; from a function, where they are not to be kept until it is known that they need not be sent again. */
type Arguments = readonly (string | number | Uint8Array)[];

export class Sender {
  readonly #client: View & HasInside;
  readonly #views = new Map<number, View>();
  #last: { readonly milliseconds: number; readonly view: View } | undefined;
  /** Scripts that the server was given once. */
  readonly #given = new Set<Script>();

  constructor(client: Client | Client<string, bigint>) {
    this.#client = client.bytes.with({ [TAKE]: take } as object) as unknown as View & HasInside;
  }

  get inside(): Inside {
    return this.#client[INSIDE];
  }

  /** Whether there is a link. Asking has one made. */
  get isReady(): boolean {
    return this.#client.isReady;
  }

  /** Commands that may take so long, the wait for a link included. */
  within(milliseconds: number): View {
    if (this.#last?.milliseconds === milliseconds) return this.#last.view;
    const step = 2 ** Math.max(0, Math.floor(Math.log2(Math.max(1, milliseconds))) - Math.log2(STEPS) + 1);
    const budget = Math.max(1, Math.floor(milliseconds / step) * step);
    let view = this.#views.get(budget);
    if (view === undefined) {
      view = this.#client.with({ timeout: budget }) as View;
      this.#views.set(budget, view);
    }
    this.#last = { milliseconds, view };
    return view;
  }

  /** Runs a script by its hash; whole at its first use, and where the server does not know it any more. */
  run(view: View, script: Script, keys: readonly string[], args: Arguments | (() => Arguments)): Promise<unknown> {
    const send = (command: string, name: string) =>
      view.callAll([command, name, keys.length, ...keys, ...(typeof args === "function" ? args() : args)]);
    if (!this.#given.has(script)) {
      // A hash that is not known would take two attempts, and what is staged behind it would come before the second.
      this.#given.add(script);
      return send("EVAL", script.text);
    }
    return send("EVALSHA", script.sha).catch((error) => {
      if ((error as { code?: unknown }).code !== "NOSCRIPT") throw error;
      return send("EVAL", script.text);
    });
  }

  /** Whether Redis answers in time. Never rejects. */
  async answers(budget: number): Promise<boolean> {
    try {
      await this.within(budget).ping();
      return true;
    } catch (error) {
      // It may not be allowed to us.
      return isAnswer(error);
    }
  }

  /** The moment's link, as what is staged now will be answered on it: see `inside.epoch`. */
  get nextEpoch(): number {
    const { state, epoch } = this.inside;
    return state === "ready" ? epoch : epoch + 1;
  }
}

/** Whether the server may have executed the command. */
export const mayBeExecuted = (error: unknown): boolean => (error as { sent?: unknown } | undefined)?.sent !== "no";
