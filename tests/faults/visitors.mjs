// Visitors: they make a handle on some target, send ticks of every size, give some of their calls up in the same tick, and
// close it, perhaps in the same tick, too. Keys and counters name the target that they are for, so that a command which
// comes to another is found there.
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "edgis";

export const timeouts = { connect: 1_000, command: 1_000 };
/** A read is sent three times at the most, and waits for a link each time. */
const READS = 3;
const limits = {
  write: timeouts.connect + timeouts.command,
  read: READS * (timeouts.connect + timeouts.command),
};
/** UTF-16 units of text that a segment holds (js/loop/stage.ts): what comes next begins another. */
const SEGMENT = 65_536;
/** Commands of a tick: more would be more than may wait. */
const MOST = 6_000;
/** Sorted members that each target has, from the beginning. */
export const board = [
  ["ada", 1.5],
  ["grace", 2],
];
/** A key that each target has. */
export const THERE = "there";

/** Where a target leads to: a database of a server, by a proxy that fails. */
export class Place {
  constructor(number, url, db, protocol) {
    this.url = url;
    this.db = db;
    this.protocol = protocol;
    /** Stands in each key. */
    this.mark = `@${number}`;
  }

  client(more) {
    const { url, db, protocol } = this;
    return createClient({ url, db, protocol, logger: false, timeouts, retry: { base: 10, cap: 100 }, ...more });
  }
}

/** What one visitor did to a counter of one place. */
class Account {
  asked = 0;
  acknowledged = 0;
  /** Increments that the server may have executed. */
  maybe = 0;
  #seen = new Set();

  constructor(counter) {
    this.counter = counter;
  }

  /** Whether the reply is of an increment of this counter, and the first of it. */
  owns(reply) {
    const fits = Number.isInteger(reply) && reply > 0 && reply <= this.asked && !this.#seen.has(reply);
    this.#seen.add(reply);
    return fits;
  }

  settle(executed) {
    if (executed === "yes") this.acknowledged += 1;
    else if (executed === "maybe") this.maybe += 1;
  }
}

const isUsage = (error) => error?.kind === "UsageError";

/** A view whose buffer has shrunk under it: whoever reads it throws. */
function gone() {
  const buffer = new ArrayBuffer(100, { maxByteLength: 200 });
  const view = new Uint8Array(buffer, 50, 50);
  buffer.resize(10);
  return view;
}

/** A tick: what is staged in it, under which signals, and how many units of text that is. */
class Tick {
  #units = 0;
  #caution;
  /** Books that are being kept on its calls. */
  entries = [];
  controllers = [];

  constructor(visitor, place, client, random) {
    this.visitor = visitor;
    this.place = place;
    this.client = client;
    this.random = random;
    this.account = visitor.accountOf(place);
    // One call that is given up among thousands is another case than a third of all.
    this.#caution = this.random.one([1, 0.3, 0.003]);
  }

  /** The client, at times under a deadline or a signal of its own; and how long a call may take. */
  #view(limit) {
    const { random, client } = this;
    const drawn = random.fraction() / this.#caution;
    if (drawn < 0.1) {
      const timeout = random.between(5, 300);
      // Three digits are what is kept of a timeout.
      return [client.with({ timeout }), Math.min(limit, timeout * 1.01)];
    }
    if (drawn > 0.3) return [client, limit];
    if (this.controllers.length === 0 || drawn < 0.12) this.controllers.push(new AbortController());
    return [client.with({ signal: random.one(this.controllers).signal }), limit];
  }

  #key(name) {
    return `${name}:${this.place.mark}:${this.visitor.number}`;
  }

  /** Keeps book on a call by a view of the client. */
  #ask(what, call, longest, owned, expected) {
    const [view, limit] = this.#view(longest);
    return this.#enter(what, () => call(view), limit, owned, expected);
  }

  #enter(what, call, limit, owned, expected) {
    const { ledger, number } = this.visitor;
    const told = `visitor ${number}, ${this.place.mark}, ${what}`;
    const entry = ledger.enter(told, () => this.#heeded(told, call), limit, owned, expected);
    this.entries.push(entry);
    return entry;
  }

  /** That a handle was closed is its own doing, or a mistake. */
  async #heeded(told, call) {
    const { ledger } = this.visitor;
    try {
      return await call();
    } catch (error) {
      if (this.client.status().state === "closed" && !this.visitor.hasClosed(this.client))
        ledger.strange.push(`${told}: nobody closed it: ${error.stack}`);
      throw error;
    }
  }

  increment() {
    const { account } = this;
    account.asked += 1;
    const owns = (reply) => account.owns(reply);
    const entry = this.#ask("incr", (view) => view.incr(account.counter), limits.write, owns);
    entry.then((executed) => account.settle(executed));
    this.#units += account.counter.length + 6;
  }

  echo() {
    const text = `${this.place.mark} ${this.visitor.name()} ${"é-".repeat(this.random.between(0, 20))}`;
    const isOwn = (reply) => reply === text;
    this.#ask(text.slice(0, 40), (view) => view.echo(text), limits.read, isOwn);
    this.#units += text.length + 6;
  }

  echoBytes() {
    const sent = Buffer.from(this.visitor.name().padEnd(this.random.between(20, 40_000), "."));
    const isOwn = (reply) => reply instanceof Uint8Array && sent.equals(reply);
    this.#ask("echo of bytes", (view) => view.bytes.echo(sent), limits.read, isOwn);
    this.#units += 5;
  }

  /** A call that is given up in its tick, as by a `finally` that aborts. */
  giveUp() {
    const controller = new AbortController();
    const view = this.client.with({ signal: controller.signal });
    this.#enter(
      "get, given up",
      () => view.get(this.#key("value")),
      limits.read,
      () => false,
    );
    controller.abort();
  }

  /** A value of this visitor's, and for this place. */
  write(length = this.random.between(10, 200)) {
    const key = this.#key("value");
    const value = `${this.place.mark} ${this.visitor.name()}`.padEnd(length, "v");
    this.#ask(
      "set",
      (view) => view.set(key, value),
      limits.write,
      (reply) => reply === "OK",
    );
    this.#units += key.length + value.length + 6;
  }

  read() {
    const key = this.#key("value");
    const begin = `${this.place.mark} visitor ${this.visitor.number} `;
    const isOwn = (reply) => reply === null || (typeof reply === "string" && reply.startsWith(begin));
    this.#ask("get", (view) => view.get(key), limits.read, isOwn);
    this.#units += key.length + 5;
  }

  /** More words than a segment holds; the answer is as many. */
  count(most = 20) {
    const count = this.random.between(1, most);
    const keys = Array.from({ length: count }, () => THERE);
    this.#ask(
      `exists ${count}`,
      (view) => view.exists(keys),
      limits.read,
      (reply) => reply === count,
    );
    this.#units += 7 + count * (THERE.length + 1);
  }

  /** Its shape follows from its arguments, in RESP2. */
  scores() {
    const isOwn = (reply) => JSON.stringify(reply) === JSON.stringify(board);
    this.#ask("zrange", (view) => view.call("ZRANGE", "board", 0, -1, "WITHSCORES"), limits.read, isOwn);
    this.#units += 30;
  }

  /** It would silence the link that others share. */
  silence() {
    const how = this.random.one(["OFF", "SKIP"]);
    this.#ask(
      `client reply ${how}`,
      (view) => view.call("CLIENT", "REPLY", how),
      limits.write,
      () => false,
      isUsage,
    );
    this.#units += 19;
  }

  /** Arguments that cannot be read. What becomes of it is its own affair, not that of its neighbours. */
  unreadable() {
    const key = this.#key("unreadable");
    const option = {
      get EX() {
        throw new TypeError("it cannot be read");
      },
    };
    const call = this.random.one([() => this.client.set(key, gone()), () => this.client.set(key, "v", option)]);
    this.#enter(
      "unreadable",
      call,
      limits.write,
      () => true,
      () => true,
    );
  }

  /** Fills the segment so that the next command's arguments begin at its edge, or near by. */
  toTheEdge(name) {
    const key = this.#key("value");
    const own = `${this.place.mark} ${this.visitor.name()}`;
    const target = SEGMENT - name.length - 1 + this.random.between(-2, 2);
    const least = "SET\n".length + key.length + 2 + own.length;
    const pad = (units) => {
      const value = own.padEnd(own.length + units - least, "v");
      this.#enter(
        "set",
        () => this.client.call("SET", key, value),
        limits.write,
        (reply) => reply === "OK",
      );
      this.#units += units;
    };
    while (target - this.#units > 12_000 + least) pad(10_000);
    if (target - this.#units > least) pad(target - this.#units);
  }

  /** The handle's, in the same tick. */
  close(options) {
    this.visitor.close(this.client);
    // What is written is answered or overdue by then, and a peer that does not close in turn has a second.
    const limit = (options?.drain ?? limits.read) + 1_000;
    this.#enter(
      "close",
      () => this.client.close(options),
      limit,
      (reply) => reply === undefined,
    );
  }
}

export class Visitor {
  #count = 0;
  #accounts = new Map();
  #closed = new Set();

  constructor(number, ledger, places, random) {
    this.number = number;
    this.ledger = ledger;
    this.places = places;
    this.random = random;
  }

  get accounts() {
    return [...this.#accounts.entries()];
  }

  accountOf(place) {
    let account = this.#accounts.get(place);
    if (account === undefined) {
      account = new Account(`counter:${place.mark}:${this.number}`);
      this.#accounts.set(place, account);
    }
    return account;
  }

  name() {
    this.#count += 1;
    return `visitor ${this.number} ${this.#count}`;
  }

  close(client) {
    this.#closed.add(client);
  }

  hasClosed(client) {
    return this.#closed.has(client);
  }

  /** Visits as long as it is to go on. */
  async work(goesOn) {
    while (goesOn()) {
      await this.#visit();
      await sleep(this.random.between(0, 200));
    }
  }

  /** Stays at one place, with small ticks: what becomes of the others is nothing to it. */
  async stay(place, goesOn) {
    const client = place.client();
    while (goesOn()) {
      const tick = new Tick(this, place, client, this.random.fork());
      this.#few(tick);
      await this.#end(tick, false);
      await sleep(this.random.between(0, 20));
    }
    await client.close();
  }

  async #visit() {
    const place = this.random.one(this.places);
    const own = this.random.fraction() < 0.5 ? { name: `visitor-${this.number}` } : {};
    const client = place.client(this.random.fraction() < 0.3 ? { ...own, offline: "wait" } : own);
    const ticks = this.random.between(1, 3);
    for (let i = 0; i < ticks; i += 1) {
      // Each has choices of its own: what became of one must not change the next.
      const tick = new Tick(this, place, client, this.random.fork());
      const shape = this.random.weighted(this.#shapes);
      const insists = this.random.fraction() < 0.1;
      // Where Redis is away a large tick is nothing but as many rejections.
      if ((await client.init()).state === "ready" || insists) shape(tick);
      else this.#few(tick);
      await this.#end(tick, i === ticks - 1);
    }
    this.#closed.delete(client);
  }

  #shapes = [
    [6, (tick) => this.#few(tick)],
    [2, (tick) => this.#many(tick)],
    [2, (tick) => this.#long(tick)],
    [3, (tick) => this.#edge(tick)],
    [1, (tick) => this.#wordy(tick)],
  ];

  #some(tick) {
    const { random } = tick;
    random.weighted([
      [8, () => tick.increment()],
      [6, () => tick.echo()],
      [4, () => tick.read()],
      [3, () => tick.write()],
      [1, () => tick.count()],
      [1, () => tick.scores()],
      [0.5, () => tick.echoBytes()],
      [0.2, () => tick.silence()],
      [0.2, () => tick.unreadable()],
    ])();
  }

  #few(tick) {
    for (let i = tick.random.between(1, 12); i > 0; i -= 1) this.#some(tick);
  }

  /** Several segments of small commands. */
  #many(tick) {
    for (let i = tick.random.between(500, MOST); i > 0; i -= 1) this.#some(tick);
  }

  /** More than a link takes at once. */
  #long(tick) {
    const longest = tick.random.one([1_000, 4_000, 16_000, 16_000, 40_000]);
    // The kernel takes some megabytes at first, and more of it stands behind those.
    let left = tick.random.one([300_000, 2_000_000, 8_000_000, 14_000_000]);
    for (let count = 0; left > 0 && count < MOST; count += 1) {
      const length = tick.random.between(100, longest);
      tick.write(length);
      left -= length;
      if (tick.random.fraction() < 0.2) this.#some(tick);
    }
    this.#few(tick);
  }

  /** Commands whose name ends a segment, whatever follows from their arguments. */
  #edge(tick) {
    const [name, act] = tick.random.one([
      ["CLIENT", () => tick.silence()],
      ["ZRANGE", () => tick.scores()],
      ["INCR", () => tick.increment()],
      ["EXISTS", () => tick.count()],
    ]);
    tick.toTheEdge(name);
    act();
    this.#few(tick);
  }

  /** More words than a segment holds, in little text. */
  #wordy(tick) {
    for (let i = tick.random.between(1, 4); i > 0; i -= 1) {
      tick.count(tick.random.one([100, 9_000, 30_000]));
      this.#few(tick);
    }
  }

  /** Ends the tick: gives up, goes, and waits for what becomes of its calls. */
  async #end(tick, isLast) {
    const { random } = tick;
    for (const controller of tick.controllers) {
      if (random.fraction() < 0.6) controller.abort();
      else setTimeout(() => controller.abort(), random.between(0, 100)).unref();
    }
    if (random.fraction() < 0.5) tick.giveUp();
    // Whoever comes next in the same tick must not get what was given up.
    if (random.fraction() < 0.7) this.#few(tick);
    const drain = random.fraction() < 0.5 ? undefined : { drain: random.between(1, 500) };
    if (isLast && random.fraction() < 0.5) tick.close(drain);
    await Promise.all(tick.entries);
    if (isLast && !this.hasClosed(tick.client)) {
      tick.close(drain);
      await Promise.all(tick.entries);
    }
  }
}
