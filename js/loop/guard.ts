/**
 * The commands of a tick that their own request may be unable to end: because it is not certain that the request is the one
 * that is here, or because what others of it wait for began to be read where a Durable Object delivers nothing now. They are
 * watched by a timer of the code that has staged them.
 */
import { ConnectionLostError } from "../core/errors.js";
import type { Timer } from "../transport/runtime.js";
import type { Engine } from "./engine.js";
import type { Presence } from "./presence.js";
import type { Argument } from "./stage.js";
import type { Handle } from "./target.js";

/** So many milliseconds after its deadline a command should have ended, also where the event loop was blocked. */
const SLACK = 250;

/** What is needed to give a command to its caller's own request. */
export interface Guarded {
  readonly tag: number;
  readonly handle: Handle;
  readonly args: readonly Argument[];
  readonly due: number;
}

export class Guard {
  readonly commands: Guarded[] = [];
  readonly #engine: Engine;
  readonly #request: Presence;
  readonly #giveUp: (guard: Guard) => void;
  #timer: Timer | undefined;
  #dueAt = Number.POSITIVE_INFINITY;

  constructor(engine: Engine, request: Presence, giveUp: (guard: Guard) => void) {
    this.#engine = engine;
    this.#request = request;
    this.#giveUp = giveUp;
  }

  add(tag: number, handle: Handle, args: readonly Argument[]): void {
    const { connect, command, total } = handle.policy;
    const due = this.#engine.now() + (total ? command : connect + command) + SLACK;
    // Their owner may change bytes once they are written.
    const kept = args.map((argument) => (typeof argument === "string" ? argument : argument.slice()));
    this.commands.push({ tag, handle, args: kept, due });
    if (due < this.#dueAt) this.#arm(due);
  }

  #arm(due: number): void {
    this.#timer?.clear();
    this.#dueAt = due;
    this.#timer = this.#engine.runtime.setTimer(this.#look, Math.max(1, due - this.#engine.now()));
  }

  /** Nothing of its request is under way any more. */
  stop(): void {
    this.#timer?.clear();
    this.#timer = undefined;
    this.#dueAt = Number.POSITIVE_INFINITY;
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    const { pending } = this.#engine;
    const left = this.commands.filter(({ tag }) => pending.has(tag) || this.#request.owes(tag));
    if (left.length === 0) return;
    const now = this.#engine.now();
    // One that fires late shows that others do, and the request's own come first.
    const due = now - this.#dueAt > SLACK ? now + SLACK : Math.min(...left.map((one) => one.due));
    if (due > now) this.#arm(due);
    else this.#giveUp(this);
  };
}

/** The error of a command whose request gave no sign of life, or whose link is another's. */
export function givenUp(command: string, sent: "no" | "maybe"): ConnectionLostError {
  const known = sent === "no" ? "nothing was sent" : "the server may have executed it";
  const text = `${command}: the connection was given up because its request gave no sign of life; ${known}`;
  return new ConnectionLostError(text, "closed", { command, sent, retry: sent === "no" });
}
