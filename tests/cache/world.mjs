// The world that the schedules of the model run in: a real server that dies and comes back with old data, processes that
// die, networks that fail, clocks that jump.

import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "edgis";
import { createCache } from "edgis/cache";
import { faultProxy, startRedis } from "edgis/testing";
import { observe } from "../js/observer.mjs";
import { junction } from "./servers.mjs";

/** A process of an app: what it knows it shares with nobody. */
class Process {
  isDead = false;
  #caches = new Map();
  #options;

  constructor(name, proxy, options, protocol) {
    this.name = name;
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
  }
}

/** What a round is about, besides what happens in all of them. */
const themes = {
  network: { args: [] },
  restarts: { args: [] },
  failover: { args: [] },
  eviction: { args: ["--maxmemory", "2mb", "--maxmemory-policy", "allkeys-random"], padding: 2_000 },
};

/** See above. */
export class World {
  #random;
  #theme;
  #server;
  #replica;
  #observers = new Map();
  #junction;
  #born = 0;
  #wallClock;
  #options;
  alive = [];
  faults = [];
  padding = 0;

  static async begin(random, theme, options) {
    const world = new World();
    const { args, padding = 0 } = themes[theme];
    Object.assign(world, { padding });
    world.#random = random;
    world.#theme = theme;
    world.#options = options;
    world.#server = await startRedis({ args });
    world.#junction = await junction(world.#server.port);
    if (theme === "failover") await world.#replicate();
    const count = random.between(2, 3);
    for (let i = 0; i < count; i += 1) await world.#bear();
    return world;
  }

  async #bear() {
    this.#born += 1;
    const proxy = await faultProxy(this.#junction.url);
    const options = this.#random.one(this.#options);
    const protocol = this.#random.one([2, 3, 3]);
    const kind = `${options.l1 === undefined ? "" : "l1 "}RESP${protocol}`;
    const born = new Process(`p${this.#born} (${kind})`, proxy, options, protocol);
    this.alive.push(born);
  }

  async #ask(...command) {
    const server = this.#server;
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
    const big = { restarts: () => this.#restart(), failover: () => this.#failOver() }[this.#theme];
    const bigAt = performance.now() + duration * (0.3 + 0.4 * this.#random.fraction());
    let isDone = big === undefined;
    while (performance.now() < end) {
      await sleep(this.#random.between(5, 60));
      if (!isDone && performance.now() > bigAt) {
        isDone = true;
        await big();
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
      ...(this.#theme === "eviction" ? [[8, () => this.#fill()]] : []),
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
    const pattern = this.#random.one(["e[cl]:*", "ec:n*", "ec:[st]*", "ec:e*", "el:*", "ec:r*"]);
    this.#tell(`${share} of ${pattern} is evicted`);
    const keys = await this.#ask("KEYS", pattern);
    const gone = (Array.isArray(keys) ? keys : []).filter(() => this.#random.fraction() < share);
    if (gone.length > 0) await this.#ask("DEL", ...gone);
  }

  /** So that the server itself must evict. */
  async #fill() {
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
  async #restart() {
    this.#tell("a snapshot");
    await this.#ask("SAVE");
    await sleep(this.#random.between(20, 200));
    this.#tell("the server is killed");
    await this.#server.kill();
    await sleep(this.#random.between(1, 100));
    await this.#server.restart();
    this.#tell("the server is back");
  }

  async #replicate() {
    this.#replica = await startRedis({
      args: ["--replicaof", "127.0.0.1", String(this.#server.port), "--repl-diskless-sync-delay", "0"],
    });
  }

  /** A replica that has not heard of the latest takes the place of the primary. */
  async #failOver() {
    const replica = this.#replica;
    this.#tell("the replica hears nothing any more");
    replica.pause();
    await sleep(this.#random.between(20, 200));
    this.#tell("the primary is killed");
    const primary = this.#server;
    await primary.kill();
    await sleep(this.#random.between(1, 50));
    replica.resume();
    this.#server = replica;
    this.#replica = undefined;
    await this.#ask("REPLICAOF", "NO", "ONE");
    this.#junction.turn(replica.port);
    this.#tell("the replica is the primary");
    await primary.stop();
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
    }
    for (const observer of this.#observers.values()) observer.close();
    this.#junction.close();
    await this.#server.stop();
    await this.#replica?.stop();
  }
}

export const themesOfRounds = Object.keys(themes);
