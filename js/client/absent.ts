/** A client where there can be no connection: it says why and what to do, at first use, and never throws. */
import { DisabledError } from "../core/errors.js";
import type { ClosedStatus, DisabledStatus, Stats } from "../core/status.js";
import { disabled } from "../loop/failures.js";
import type { Timer } from "../transport/runtime.js";
import type { Client, CreateClient } from "./api.js";
import { INSIDE, type Inside } from "./inside.js";
import { StateLog } from "./log.js";
import { defineCommands, type Sender } from "./methods.js";
import { optionsOf } from "./options.js";
import type { ClientOptions } from "./types.js";

/** Why a runtime opens no connections, and the remedy. */
export interface Absence {
  readonly message: string;
  readonly hint: string;
}

const address = { display: "redis" };

/** For caches: they load what they are asked for, as anywhere outside of a request. */
const inside: Inside = {
  identity: undefined,
  scope: undefined,
  isScoped: true,
  state: "disabled",
  epoch: 0,
  target: undefined,
  track() {},
  now: () => performance.now(),
  wallClock: () => Date.now(),
  beforeFlush: (act) => queueMicrotask(act),
  afterPoll: (act) => void setTimeout(act, 0),
  setTimer(act, milliseconds): Timer {
    const timer = setTimeout(act, milliseconds);
    return { clear: () => clearTimeout(timer), hold() {} };
  },
  waitUntil() {},
  // There are no bytes to read.
  ascii: () => "",
  utf8: () => "",
};

class AbsentClient implements Sender {
  readonly #absence: Absence;
  readonly #options: ClientOptions;
  #told = false;
  #since = 0;
  #isClosed = false;

  constructor(absence: Absence, options: ClientOptions) {
    this.#absence = absence;
    this.#options = options;
  }

  /** @internal For a cache, which can be made as well. */
  get [INSIDE](): Inside {
    return inside;
  }

  async init(): Promise<DisabledStatus | ClosedStatus> {
    return this.status();
  }

  async connect(): Promise<this> {
    this.status();
    return this;
  }

  async ready(): Promise<never> {
    throw this.#error();
  }

  status(): DisabledStatus | ClosedStatus {
    if (this.#since === 0) this.#since = Date.now();
    const since = this.#since;
    if (this.#isClosed) return { state: "closed", attempts: 0, since };
    const status = {
      state: "disabled",
      reason: "no-tcp",
      retryable: false,
      attempts: 0,
      since,
      ...this.#absence,
    } as const;
    this.#tell(status);
    return status;
  }

  #tell({ message, hint }: DisabledStatus): void {
    const { logger = console } = Object(this.#options) as ClientOptions;
    if (this.#told || logger === false) return;
    this.#told = true;
    new StateLog(logger, {}).warn(`disabled (no-tcp): ${message}. ${hint}`);
  }

  stats(): Stats {
    const none = {
      dials: 0,
      connects: 0,
      stateChanges: 0,
      commands: 0,
      timeouts: 0,
      disabled: 0,
      resent: 0,
      refused: 0,
    };
    return {
      ...none,
      bytesIn: 0,
      bytesOut: 0,
      pushesDropped: 0,
      joins: 0,
      writes: 0,
      handles: 0,
      pending: 0,
      crossings: 0,
      memoryBytes: 0,
    };
  }

  readonly isOpen = false;

  get isReady(): boolean {
    this.status();
    return false;
  }

  call(command: string): Promise<never> {
    const rejected = Promise.reject<never>(this.#error(command));
    // Needs no listener, like every rejection because Redis is away.
    rejected.catch(() => {});
    return rejected;
  }

  send(args: readonly unknown[]): Promise<never> {
    return this.callAll(args);
  }

  callAll([command]: readonly unknown[]): Promise<never> {
    return this.call(String(command));
  }

  send1(command: string): Promise<never> {
    return this.call(command);
  }

  send2(command: string): Promise<never> {
    return this.call(command);
  }

  #error(command?: string): DisabledError {
    const status = this.status();
    if (status.state === "disabled") return disabled(status, address, command);
    return new DisabledError("the client was closed", "closed", { command });
  }

  with(): this {
    return this;
  }

  get bytes(): this {
    return this;
  }

  on(): this {
    return this;
  }

  off(): this {
    return this;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#since = Date.now();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

defineCommands(AbsentClient.prototype);

/** `createClient` for such a runtime. */
export function bindAbsent(absence: Absence): CreateClient {
  return ((given?: ClientOptions | string | URL, more?: ClientOptions) =>
    new AbsentClient(absence, optionsOf(given, more)) as unknown as Client) as CreateClient;
}
