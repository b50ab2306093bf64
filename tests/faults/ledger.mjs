// Workers that number their commands and keep books on what becomes of them. What they check: each call settles in its
// time, each reply is its caller's, and the server counted what was acknowledged, plus what may have been.
import { setTimeout as sleep } from "node:timers/promises";
import { Pace } from "./pace.mjs";

export const timeouts = { connect: 1_000, command: 300 };
/** Beyond a deadline and what the loop was behind during the call: each of its timers may wait for one turn more. */
const SLACK = 1_500;
/** A read is sent three times at the most, and waits for a link each time. */
const SENT = 3;
const longest = {
  write: timeouts.connect + timeouts.command,
  read: SENT * (timeouts.connect + timeouts.command),
};

export class Ledger {
  calls = 0;
  /** Calls that have not settled. */
  open = 0;
  answered = 0;
  /** How often the core was made to die. */
  deaths = 0;
  /** How calls failed, by kind of error. */
  failures = new Map();
  misrouted = [];
  /** Errors that no outage explains. */
  strange = [];
  late = [];
  longestWait = 0;
  /** The most that a call took beyond its deadline, in milliseconds. */
  overrun = Number.NEGATIVE_INFINITY;
  /** Which call that was. */
  slowest = "";
  #pace = new Pace();

  /** Milliseconds that the event loop was behind, all together. */
  get behind() {
    return this.#pace.behind;
  }

  close() {
    this.#pace.stop();
  }

  /**
   * Makes a call and keeps book on it.
   *
   * @param {string} what is asked, for reports
   * @param {() => Promise<unknown>} call
   * @param {number} limit milliseconds within which it must settle, as far as the event loop runs
   * @param {(reply: unknown) => boolean} owned whether the reply can be the caller's
   * @param {(error: unknown) => boolean} [expected] errors that are what the caller asked for
   * @returns {Promise<"yes" | "no" | "maybe">} whether it was executed
   */
  async enter(what, call, limit, owned, expected = () => false) {
    this.calls += 1;
    this.open += 1;
    const [start, behind] = [performance.now(), this.behind];
    const outcome = await call().then(
      (reply) => this.#answered(what, reply, owned),
      (error) => (expected(error) ? "no" : this.#failed(what, error)),
    );
    const took = performance.now() - start;
    this.open -= 1;
    this.longestWait = Math.max(this.longestWait, took);
    const stalled = this.behind - behind;
    const overrun = took - stalled - limit;
    if (overrun > this.overrun) [this.overrun, this.slowest] = [overrun, what];
    if (overrun > SLACK)
      this.late.push(`${what}: ${Math.round(took)} ms, not ${limit}, the loop was ${Math.round(stalled)} ms behind`);
    return outcome;
  }

  #answered(what, reply, owned) {
    this.answered += 1;
    if (!owned(reply)) this.misrouted.push(`${what}: ${String(reply).slice(0, 80)}`);
    return "yes";
  }

  #failed(what, error) {
    const name = error?.kind ?? error?.name;
    const told = [name, error?.reason ?? error?.phase].filter((word) => word !== undefined).join(" ");
    this.failures.set(told, (this.failures.get(told) ?? 0) + 1);
    // The command may have been under way when its caller gave up.
    if (name === "AbortError") return "maybe";
    // A server that has just been started says so, and executes nothing.
    if (name === "ReplyError" && error.code === "LOADING") return "no";
    const explained = name === "InternalError" && this.deaths > 0;
    if (!explained && !["DisabledError", "TimeoutError", "ConnectionLostError", "ProtocolError"].includes(name))
      this.strange.push(`${what}: ${error?.stack ?? error}`);
    return error?.sent ?? "maybe";
  }
}

/** Text of a length that is not always the same, so that replies end at other bytes. */
const padded = (text, random) => `${text} ${"é-".repeat(random.between(0, 20))}`;

export class Worker {
  #count = 0;
  acknowledged = 0;
  /** Increments that the server may have executed. */
  maybe = 0;
  #counted = 0;
  #written = new Set();

  constructor(number, ledger, client, random) {
    this.number = number;
    this.counter = `ledger:counter:${number}`;
    this.ledger = ledger;
    this.random = random;
    this.client = client;
    this.patient = client.with({ offline: "wait" });
  }

  /** Works as long as it is to go on. */
  async work(goesOn) {
    const operations = [
      [10, () => this.#increment()],
      [6, () => this.#echo()],
      [2, () => this.#echoBytes()],
      [4, () => this.#write()],
      [4, () => this.#read()],
      [2, () => this.#list()],
      [1, () => this.#large()],
      [2, () => this.#hurried()],
      [2, () => this.#given(up(this.random))],
    ];
    while (goesOn()) {
      await this.random.weighted(operations)();
      await sleep(this.random.between(0, 10));
    }
    await this.patient.close();
  }

  get #handle() {
    return this.random.fraction() < 0.5 ? this.client : this.patient;
  }

  #name(operation) {
    this.#count += 1;
    return `worker ${this.number}, ${operation} ${this.#count}`;
  }

  async #increment() {
    const most = () => this.acknowledged + this.maybe + 1;
    const counts = (reply) => {
      const fits = reply > this.#counted && reply <= most();
      this.#counted = reply;
      return fits;
    };
    this.#settle(
      await this.ledger.enter(this.#name("incr"), () => this.#handle.incr(this.counter), longest.write, counts),
    );
  }

  #settle(executed) {
    if (executed === "yes") this.acknowledged += 1;
    else if (executed === "maybe") this.maybe += 1;
  }

  async #echo() {
    const text = padded(this.#name("echo"), this.random);
    await this.ledger.enter(
      text,
      () => this.#handle.echo(text),
      longest.read,
      (reply) => reply === text,
    );
  }

  async #echoBytes() {
    const text = padded(this.#name("echo of bytes"), this.random);
    const sent = Buffer.from(text);
    const owned = (reply) => reply instanceof Uint8Array && sent.equals(reply);
    await this.ledger.enter(text, () => this.#handle.bytes.echo(sent), longest.read, owned);
  }

  async #write() {
    const value = padded(this.#name("set"), this.random);
    this.#written.add(value);
    const key = `ledger:value:${this.number}`;
    await this.ledger.enter(
      value,
      () => this.#handle.set(key, value),
      longest.write,
      (reply) => reply === "OK",
    );
  }

  /** What was written, by this worker; which of it was last is not known while some of it may still be under way. */
  async #read() {
    const owned = (reply) => reply === null || this.#written.has(reply);
    const key = `ledger:value:${this.number}`;
    await this.ledger.enter(this.#name("get"), () => this.#handle.get(key), longest.read, owned);
  }

  async #list() {
    const owned = (reply) =>
      Array.isArray(reply) && reply.length === 20 && reply.every((item, i) => item === listItem(this.number, i));
    const key = `ledger:list:${this.number}`;
    await this.ledger.enter(this.#name("lrange"), () => this.#handle.lrange(key, 0, -1), longest.read, owned);
  }

  /** Larger than what passes through linear memory, both ways. */
  async #large() {
    const text = this.#name("large echo").padEnd(this.random.between(20_000, 200_000), `${this.number}.`);
    await this.ledger.enter(
      text.slice(0, 40),
      () => this.#handle.echo(text),
      longest.read,
      (reply) => reply === text,
    );
  }

  /** A deadline of its own for everything. */
  async #hurried() {
    const timeout = this.random.between(5, 400);
    const view = this.#handle.with({ timeout });
    const text = this.#name(`echo within ${timeout} ms`);
    // Three digits are what is kept of a timeout.
    await this.ledger.enter(
      text,
      () => view.echo(text),
      timeout * 1.01,
      (reply) => reply === text,
    );
  }

  /** A caller that gives up at some time, perhaps before the call. */
  async #given({ signal, within }) {
    const view = this.#handle.with({ signal });
    const incr = this.random.fraction() < 0.5;
    if (!incr) {
      const text = this.#name("echo, given up");
      await this.ledger.enter(
        text,
        () => view.echo(text),
        within,
        (reply) => reply === text,
      );
      return;
    }
    const counts = (reply) => {
      const fits = reply > this.#counted && reply <= this.acknowledged + this.maybe + 1;
      this.#counted = reply;
      return fits;
    };
    this.#settle(await this.ledger.enter(this.#name("incr, given up"), () => view.incr(this.counter), within, counts));
  }
}

/** A signal that is aborted some time from now. */
function up(random) {
  const within = random.between(0, 300);
  const controller = new AbortController();
  if (within === 0) controller.abort();
  else setTimeout(() => controller.abort(), within).unref();
  return { signal: controller.signal, within };
}

/** What `LRANGE` of a worker's list gives. */
export const listItem = (worker, index) => `item ${index} of worker ${worker}`;
