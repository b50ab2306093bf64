// The world that the schedules of the model run in: a real server that dies and comes back with old data, processes that
// die, networks that fail, clocks that jump.

import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "edgis";
import { createCache } from "edgis/cache";
import { faultProxy, startRedis } from "edgis/testing";
import { until } from "../faults/scene.mjs";
import { observe } from "../js/observer.mjs";
import { junction } from "./servers.mjs";

/** A process of an app: what it knows it shares with nobody. */
class Process {
  isDead = false;
  /** Connected to a primary that has been deposed… */
  isBehind = false;
  /** …until then. */
  movedAt = 0;
  #caches = new Map();
  #options;

  constructor(name, address, proxy, options, protocol) {
    this.name = name;
    this.address = address;
    this.proxy = proxy;
    this.#options = options;
    /** What is kept in memory may be older by so many milliseconds than what is in Redis. */
    this.maxStale = options.l1?.maxStale ?? 0;
    const timeouts = { connect: "300ms", command: "300ms" };
    const retry = { base: 5, cap: 50 };
    this.client = createClient({ url: proxy.url, share: false, logger: false, protocol, timeouts, retry });
  }

  cache(namespace) {
    let cache = this.#caches.get(namespace);
    if (cache === undefined) {
      cache = createCache({ client: this.client, namespace, ttl: "1m", ...this.#options });
      this.#caches.set(namespace, cache);
    }
    return cache;
  }

  /** What it has not made up for, by namespace. */
  get owes() {
    const owed = [...this.#caches].map(([name, cache]) => [name, cache.stats().journal]);
    return owed.filter(([, count]) => count > 0).map(([name, count]) => `${count} of ${name}`);
  }

  /** Nothing of it is heard any more; what it has written may still arrive. */
  async die() {
    this.isDead = true;
    await this.proxy.down();
    await this.client.close();
    await this.proxy.close();
    this.address.close();
  }
}

/** What a round is about, besides what happens in all of them. */
const themes = {
  network: {},
  restarts: { big: (world) => world.restart() },
  failover: { isReplicated: true, big: (world) => world.failOver() },
  deposed: { isReplicated: true, big: (world) => world.depose() },
  failback: { isReplicated: true, big: (world) => world.failBack() },
  refusals: { own: [20, (world) => world.refuse()] },
  scripts: { own: [25, (world) => world.forgetScripts()] },
  eviction: {
    args: ["--maxmemory", "3mb", "--maxmemory-policy", "allkeys-random"],
    padding: 2_000,
    own: [8, (world) => world.fill()],
  },
};

/** How servers refuse what is written. */
const refusals = [
  ["out of memory", ["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"]],
  [
    "too few replicas",
    ["CONFIG", "SET", "min-replicas-to-write", "3"],
    ["CONFIG", "SET", "min-replicas-to-write", "0"],
  ],
  ["deleting denied", ["ACL", "SETUSER", "default", "-del"], ["ACL", "SETUSER", "default", "+@all"]],
  ["scripts denied", ["ACL", "SETUSER", "default", "-eval", "-evalsha"], ["ACL", "SETUSER", "default", "+@all"]],
];

/** See above. */
export class World {
  #random;
  #theme;
  #server;
  #replica;
  #observers = new Map();
  #between;
  #born = 0;
  #wallClock;
  #options;
  alive = [];
  faults = [];
  padding = 0;

  static async begin(random, theme, options, binary) {
    const world = new World();
    const { args = [], padding = 0, isReplicated } = themes[theme];
    Object.assign(world, { padding });
    world.#random = random;
    world.#theme = theme;
    world.#options = options;
    world.#server = await startRedis({ args: [...args, "--repl-diskless-sync-delay", "0"], binary });
    if (isReplicated) await world.#replicate(binary);
    const count = random.between(2, 3);
    for (let i = 0; i < count; i += 1) await world.#bear();
    return world;
  }

  async #bear() {
    this.#born += 1;
    const address = await junction(this.#server.port);
    const proxy = await faultProxy(address.url);
    const options = this.#random.one(this.#options);
    const protocol = this.#random.one([2, 3, 3]);
    const kind = `${options.l1 === undefined ? "" : "l1 "}RESP${protocol}`;
    const born = new Process(`p${this.#born} (${kind})`, address, proxy, options, protocol);
    this.alive.push(born);
  }

  #ask(...command) {
    return this.#askOf(this.#server, ...command);
  }

  async #askOf(server, ...command) {
    let observer = this.#observers.get(server.port);
    if (observer === undefined || observer.socket.destroyed) {
      observer = await observe(server);
      this.#observers.set(server.port, observer);
    }
    return observer.ask(...command);
  }

  // ── What happens ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** For so many milliseconds one thing after the other goes wrong. */
  async rage(duration) {
    const end = performance.now() + duration;
    const { big } = themes[this.#theme];
    const bigAt = performance.now() + duration * (0.3 + 0.4 * this.#random.fraction());
    let isDone = big === undefined;
    while (performance.now() < end) {
      await sleep(this.#random.between(5, 60));
      if (!isDone && performance.now() > bigAt) {
        isDone = true;
        await big(this);
      } else await this.#fault();
    }
    await this.heal();
  }

  #tell(what) {
    this.faults.push(`${performance.now().toFixed(1)} ${what}`);
  }

  async #fault() {
    const random = this.#random;
    const process = random.one(this.alive);
    const { proxy, name } = process;
    const { own } = themes[this.#theme];
    const act = random.weighted([
      [6, () => this.#tell(`${name} is cut off`) ?? proxy.reset()],
      [6, () => this.#pass(`${name} hangs`, () => proxy.hang(), process, 350)],
      [4, () => this.#pass(`${name} is slow`, () => proxy.slow(random.between(1, 60)), process, 100)],
      [4, () => this.#pass(`${name} finds nobody`, () => proxy.down(), process, 150)],
      [4, () => this.#lose(process)],
      [2, () => this.#die(process)],
      [5, () => this.#evict()],
      [1, () => this.#jump()],
      [1, () => this.#tell("scripts are flushed") ?? this.#ask("SCRIPT", "FLUSH")],
      [1, () => this.#tell("everything is flushed") ?? this.#ask("FLUSHALL")],
      [2, () => this.#freeze()],
      [2, () => this.#block()],
      ...(own === undefined ? [] : [[own[0], () => own[1](this)]]),
    ]);
    await act();
  }

  /** For a while; what was held back arrives after that. */
  async #pass(what, begin, process, longest) {
    this.#tell(what);
    await begin();
    const wait = this.#random.between(1, longest);
    sleep(wait).then(() => process.isDead || process.proxy.heal());
  }

  /** Bytes are swallowed, in one direction or both. */
  async #lose(process) {
    const drop = { do: "drop", after: this.#random.between(0, 400) };
    const fault = this.#random.one([{ toServer: drop }, { toClient: drop }, { toServer: drop, toClient: drop }]);
    return this.#pass(`${process.name} loses bytes`, async () => process.proxy.strike(fault), process, 350);
  }

  async #die(process) {
    this.#tell(`${process.name} dies`);
    this.alive = this.alive.filter((other) => other !== process);
    process.die();
    await this.#bear();
  }

  /** Any key may go at any time. */
  async #evict() {
    const share = this.#random.one([0.1, 0.5, 1]);
    const pattern = this.#random.one(["e[cl]:*", "ec:*}n", "ec:*}[st]", "ec:*}", "el:*", "ec:*}r"]);
    this.#tell(`${share} of ${pattern} is evicted`);
    const keys = await this.#ask("KEYS", pattern);
    const gone = (Array.isArray(keys) ? keys : []).filter(() => this.#random.fraction() < share);
    if (gone.length > 0) await this.#ask("DEL", ...gone);
  }

  /** So that the server itself must evict. */
  async fill() {
    this.#tell("memory is used up");
    const filler = Array.from({ length: 20 }, (_, i) => [`filler:${i}`, "x".repeat(20_000)]);
    await this.#ask("MSET", ...filler.flat());
  }

  /** The clocks of the processes; a jump forward looks like a sleep. */
  async #jump() {
    const by = this.#random.one([-3_600_000, -20_000, 20_000, 3_600_000]);
    this.#tell(`the clock jumps by ${by / 1_000} s`);
    const { runtime } = globalThis[Symbol.for("edgis.engine.1")];
    this.#wallClock ??= runtime.wallClock;
    const before = runtime.wallClock;
    runtime.wallClock = () => before() + by;
  }

  async #freeze() {
    this.#tell("the server is frozen");
    this.#server.pause();
    await sleep(this.#random.between(1, 250));
    this.#server.resume();
  }

  /** It comes back with what it had a while ago. */
  async restart() {
    this.#tell("a snapshot");
    await this.#ask("SAVE");
    await sleep(this.#random.between(20, 200));
    this.#tell("the server is killed");
    await this.#server.kill();
    await sleep(this.#random.between(1, 100));
    await this.#server.restart();
    this.#tell("the server is back");
  }

  async #replicate(binary) {
    this.#between = await faultProxy(this.#server.url);
    this.#replica = await startRedis({ args: ["--repl-diskless-sync-delay", "0"], binary });
    await this.#follow(this.#replica, this.#between.port);
  }

  async #follow(replica, port) {
    await this.#askOf(replica, "REPLICAOF", "127.0.0.1", String(port));
    await until(async () => /master_link_status:up/.test(await this.#askOf(replica, "INFO", "replication")));
  }

  /** A replica that has not heard of the latest becomes a primary. */
  async #promote() {
    this.#tell("the replica hears nothing any more");
    await this.#between.hang();
    await sleep(this.#random.between(20, 200));
    await this.#between.down();
    await this.#askOf(this.#replica, "REPLICAOF", "NO", "ONE");
    this.#tell("the replica is a primary");
    [this.#server, this.#replica] = [this.#replica, this.#server];
  }

  /** It takes the place of one that is gone. */
  async failOver() {
    const primary = this.#server;
    this.#tell("the replica hears nothing any more");
    await this.#between.hang();
    await sleep(this.#random.between(20, 200));
    this.#tell("the primary is killed");
    await primary.kill();
    await this.#between.down();
    await sleep(this.#random.between(1, 50));
    this.#server = this.#replica;
    this.#replica = undefined;
    await this.#ask("REPLICAOF", "NO", "ONE");
    for (const { address } of this.alive) address.turn(this.#server.port);
    this.#tell("the replica is the primary");
    await primary.stop();
  }

  /** One that lives on does not know, nor do those who are connected to it: they move one after the other. */
  async depose() {
    for (const process of this.alive) Object.assign(process, { isBehind: true, movedAt: Number.POSITIVE_INFINITY });
    await this.#promote();
    const deposed = this.#replica;
    for (const process of [...this.alive].sort(() => this.#random.fraction() - 0.5)) {
      await sleep(this.#random.between(1, 150));
      if (process.isDead || !process.isBehind) continue;
      process.address.turn(this.#server.port);
      if (this.#random.fraction() < 0.5) {
        // Its link goes silent, and another takes over; then what was sent on it is acknowledged all the same.
        this.#tell(`${process.name} moves while the deposed primary is silent`);
        deposed.pause();
        await sleep(this.#random.between(50, 500));
        deposed.resume();
        await sleep(this.#random.between(1, 50));
      }
      process.address.cutOld();
      Object.assign(process, { isBehind: false, movedAt: performance.now() });
      this.#tell(`${process.name} has moved`);
    }
  }

  /** The primary follows one that knows less, and is then made the primary again. */
  async failBack() {
    await this.#promote();
    const primary = this.#replica;
    const kill = () => this.#askOf(primary, "CLIENT", "KILL", "TYPE", "normal");
    await this.#askOf(primary, "REPLICAOF", "127.0.0.1", String(this.#server.port));
    await kill();
    this.#tell("the primary is a replica");
    const isUp = async () => /master_link_status:up/.test(await this.#askOf(primary, "INFO", "replication"));
    await until(async () => (await isUp()) === true);
    await sleep(this.#random.between(1, 100));
    await this.#askOf(primary, "REPLICAOF", "NO", "ONE");
    if (this.#random.fraction() < 0.5) kill();
    [this.#server, this.#replica] = [this.#replica, this.#server];
    this.#tell("it is the primary again");
  }

  /** For a while. */
  async refuse() {
    const [what, begin, end] = this.#random.one(refusals);
    this.#tell(what);
    await this.#ask(...begin);
    await sleep(this.#random.between(1, 120));
    await this.#ask(...end);
    this.#tell(`no more ${what}`);
  }

  /** While somebody cannot hear of it. */
  async forgetScripts() {
    const process = this.#random.one(this.alive);
    this.#tell(`scripts are forgotten while ${process.name} finds nobody`);
    await process.proxy.down();
    await sleep(this.#random.between(1, 60));
    await this.#ask("SCRIPT", "FLUSH");
    if (!process.isDead) await process.proxy.heal();
  }

  /** All processes compute, or are frozen: their timers are late, and everything that came meanwhile is there at once. */
  async #block() {
    this.#tell("the processes are blocked");
    const until = performance.now() + this.#random.between(20, 400);
    while (performance.now() < until);
  }

  /** For the story of a failure. */
  get state() {
    const told = this.alive.map(({ name, client, proxy, owes }) => {
      const { state, reason = "" } = client.status();
      return `${name} ${state} ${reason}, ${proxy.connections} connections, owes ${owes.join(", ")}`;
    });
    return told.join("; ");
  }

  async heal() {
    for (const { proxy } of this.alive) await proxy.heal();
    this.#tell("all is well");
  }

  async end() {
    if (this.#wallClock !== undefined) {
      globalThis[Symbol.for("edgis.engine.1")].runtime.wallClock = this.#wallClock;
    }
    for (const process of this.alive) {
      await process.client.close();
      await process.proxy.close();
      process.address.close();
    }
    for (const observer of this.#observers.values()) observer.close();
    await this.#server.stop();
    await this.#replica?.stop();
    await this.#between?.close();
  }
}

export const themesOfRounds = Object.keys(themes);
