// What a cache promises, as a model: a schedule of calls on one namespace, and what each of them may give.
import { setTimeout as sleep } from "node:timers/promises";
import { absent } from "edgis/cache";
import { until } from "../faults/scene.mjs";

/** What each key stands for at the origin: its tags may depend on its version, and some versions are nothing at all. */
const keys = {
  plain: { tags: () => [] },
  empty: { tags: () => [], isAbsent: (version) => version % 3 === 2 },
  static: { tags: () => ["all"], options: { tags: ["all"] } },
  sparse: { tags: () => ["all"], options: { tags: ["all"] }, isAbsent: (version) => version % 3 === 1 },
  ghost: {
    tags: (version) => (version % 2 === 0 ? ["even"] : ["odd", "all"]),
    options: { tags: (value) => value.tags },
    isAbsent: (version) => version % 3 !== 0,
  },
  dynamic: {
    tags: (version) => (version % 2 === 0 ? ["all", "even"] : ["odd"]),
    options: { tags: (value) => value.tags },
  },
};
const names = Object.keys(keys);
const tags = ["all", "even", "odd"];

/** How often a call ran without Redis. */
const goneWithout = (cache) => Object.values(cache.stats().fallbacks).reduce((sum, count) => sum + count, 0);

/** The origin fails now and then. */
class LoadError extends Error {}

/**
 * One invalidation. From some moment on nobody may get what is older: no reader in the process that asked for it once it
 * has resolved, whatever came of it; no reader anywhere once it is applied, or made up for.
 */
class Invalidation {
  /** What the origin had when it was asked for. */
  #versions;
  #process;
  #concerns;
  #here = Number.POSITIVE_INFINITY;
  #everywhere = Number.POSITIVE_INFINITY;
  /** What it was told was the primary no more, and what has taken its place has to be told yet. */
  isLate;

  constructor(process, versions, concerns) {
    this.#process = process;
    this.#versions = versions;
    this.#concerns = concerns;
    this.isLate = process.isBehind;
  }

  resolved(outcome) {
    this.#here = performance.now();
    this.isLate = outcome === "applied" && (this.isLate || this.#process.isBehind);
    if (outcome === "applied" && !this.isLate) this.#everywhere = this.#here;
  }

  get process() {
    return this.#process;
  }

  madeUpFor() {
    this.#everywhere = performance.now();
  }

  /** The oldest version of the key that a reader may get who begins at `start`. */
  least(process, start, key, found) {
    const here = process === this.#process && Math.min(this.#here, this.#everywhere) <= start;
    // What is kept in memory may be so old.
    // Who is connected to a primary that was deposed reads what that has.
    const everywhere = this.#everywhere + process.maxStale <= start && process.movedAt <= start;
    return (here || everywhere) && this.#concerns(key, found) ? this.#versions[key] : 0;
  }
}

/** See above. `processes` are of all schedules; `told` gets what went wrong. */
export class Schedule {
  #random;
  #processes;
  #namespace;
  #told;
  #origin = Object.fromEntries(names.map((name) => [name, 1]));
  #invalidations = [];
  /** Resolved, not applied, and not made up for yet; by the process that must. */
  #owed = new Map();
  #underWay = 0;
  #isSetting = false;
  /** When what a loader has given was loaded. */
  #loaded = new WeakMap();
  #calls = [];
  #history = [];
  reads = 0;
  hits = 0;
  outcomes = { applied: 0, journaled: 0, unknown: 0, dropped: 0 };

  constructor(random, processes, namespace, told) {
    this.#random = random;
    this.#processes = processes;
    this.#namespace = namespace;
    this.#told = told;
  }

  /** So many steps, one every few milliseconds. */
  async run(steps, pace) {
    for (let step = 0; step < steps; step += 1) {
      this.settleJournals();
      this.#calls.push(this.#step());
      await sleep(this.#random.between(0, 2 * pace));
    }
    await Promise.all(this.#calls);
  }

  /** Who has told a server that was deposed tells the other one, before anything is read from it. */
  async catchUp() {
    const late = this.#invalidations.filter((one) => one.isLate && !one.process.isDead);
    for (const process of new Set(late.map((one) => one.process))) {
      await until(async () => {
        const cache = process.cache(this.#namespace);
        const gone = goneWithout(cache);
        await cache.get("nothing");
        return goneWithout(cache) === gone && cache.stats().journal === 0;
      });
    }
    for (const one of late) one.madeUpFor();
  }

  /** Everybody reads everything. */
  async sweep() {
    this.settleJournals();
    await this.catchUp();
    for (const process of this.#processes.alive) {
      await Promise.all(names.map((key) => this.#get(process, key)));
      await Promise.all(names.map((key) => this.#getOrSet(process, key)));
    }
  }

  #note(text) {
    this.#history.push(`${performance.now().toFixed(1)} ${text}`);
  }

  #step() {
    const random = this.#random;
    const process = random.one(this.#processes.alive);
    const key = random.one(names);
    const act = random.weighted([
      [45, () => this.#getOrSet(process, key)],
      [8, () => this.#get(process, key)],
      [4, () => this.#getMany(process)],
      [20, () => this.#delete(process, key)],
      [9, () => this.#deleteByTag(process, random.one(tags))],
      [2, () => this.#clear(process)],
      [12, () => this.#set(process, key)],
    ]);
    return act();
  }

  // ── Reading ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #valueOf(key, version) {
    if (keys[key].isAbsent?.(version)) return absent;
    return { key, version, tags: keys[key].tags(version), padding: "x".repeat(this.#processes.padding) };
  }

  async #getOrSet(process, key) {
    const start = performance.now();
    const random = this.#random;
    const [takes, fails] = [random.between(0, 12), random.fraction() < 0.04];
    const load = async () => {
      const value = this.#valueOf(key, this.#origin[key]);
      if (value !== absent) this.#loaded.set(value, performance.now());
      await sleep(takes);
      if (fails) throw new LoadError("the origin fails");
      return value;
    };
    const cache = process.cache(this.#namespace);
    const gone = goneWithout(cache);
    try {
      const value = await cache.getOrSet(key, load, keys[key].options);
      // Without Redis nobody knows what others have invalidated, and calls of a process share a load all the same.
      const isAlone = goneWithout(cache) > gone;
      const shared = isAlone ? this.#loaded.get(value) : undefined;
      if (value !== undefined || !isAlone)
        this.#check(process, Math.min(start, shared ?? start), key, value, "getOrSet");
    } catch (error) {
      // Nothing else may reach a caller; but a process that is dead has no callers.
      if (!(error instanceof LoadError)) this.#wrong(process, `getOrSet(${key}) rejected: ${error?.stack ?? error}`);
    }
  }

  async #get(process, key) {
    const start = performance.now();
    try {
      const value = await process.cache(this.#namespace).get(key);
      if (value !== undefined) this.hits += 1;
      this.#check(process, start, key, value, "get", true);
    } catch (error) {
      this.#wrong(process, `get(${key}) rejected: ${error?.stack ?? error}`);
    }
  }

  async #getMany(process) {
    const start = performance.now();
    const values = await process.cache(this.#namespace).getMany(names);
    for (const [i, value] of values.entries()) this.#check(process, start, names[i], value, "getMany", true);
  }

  #check(process, start, key, value, how, mayMiss = false) {
    if (process.isDead) return;
    this.reads += 1;
    if (value === undefined) {
      if (!mayMiss) this.#checkAbsent(process, start, key, how);
      return;
    }
    const { version } = value;
    this.#note(`${process.name} ${how}(${key}) → ${version}, since ${start.toFixed(1)}`);
    if (value.key !== key) return this.#wrong(process, `${how}(${key}) gave what belongs to ${value.key}`);
    const least = this.#least(process, start, key, value);
    if (version < least)
      this.#wrong(process, `${how}(${key}) gave version ${version}, ${least} is the oldest allowed`, start);
  }

  /** There must be a version for which there is nothing. */
  #checkAbsent(process, start, key, how) {
    const least = this.#least(process, start, key, undefined);
    for (let version = least; version <= this.#origin[key]; version += 1) {
      if (keys[key].isAbsent?.(version)) return;
    }
    this.#wrong(process, `${how}(${key}) gave nothing, ${least} is the oldest version allowed`, start);
  }

  #least(process, start, key, found) {
    return Math.max(1, ...this.#invalidations.map((one) => one.least(process, start, key, found)));
  }

  #wrong(process, what, start) {
    if (process.isDead) return;
    const since = start === undefined ? "" : `, asked for at ${start.toFixed(1)}`;
    this.#told(
      `${this.#namespace}, process ${process.name}: ${what}${since}\n  ${this.#history.slice(-40).join("\n  ")}`,
    );
  }

  // ── Invalidating ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** The origin changes, and then it is said; as an app does. */
  async #invalidate(process, changed, concerns, call, what) {
    if (this.#isSetting) return;
    this.#underWay += 1;
    for (const key of changed) this.#origin[key] += 1;
    await this.#say(process, concerns, call, what);
    this.#underWay -= 1;
  }

  async #say(process, concerns, call, what) {
    const said = new Invalidation(process, { ...this.#origin }, concerns);
    this.#note(`${process.name} ${what} …  ${JSON.stringify(this.#origin)}`);
    const { outcome } = await call(process.cache(this.#namespace)).catch((error) => {
      // Its client is closed.
      if (process.isDead) return { outcome: "dropped" };
      throw error;
    });
    this.#note(`${process.name} ${what} → ${outcome}`);
    this.outcomes[outcome] += 1;
    if (process.isDead && outcome !== "applied") return;
    said.resolved(outcome);
    this.#invalidations.push(said);
    if (outcome === "applied") return;
    const owed = this.#owed.get(process) ?? [];
    owed.push(said);
    this.#owed.set(process, owed);
  }

  #delete(process, key) {
    const call = (cache) => cache.delete(key);
    return this.#invalidate(process, [key], (other) => other === key, call, `delete(${key})`);
  }

  #deleteByTag(process, tag) {
    const has = (key) => keys[key].tags(this.#origin[key]).includes(tag);
    const changed = names.filter(has);
    // What has the tag as it was found, whatever it is now; nothing has those of what there was not.
    const concerns = (key, found) => (found === undefined ? changed.includes(key) : found.tags.includes(tag));
    return this.#invalidate(process, changed, concerns, (cache) => cache.deleteByTag(tag), `deleteByTag(${tag})`);
  }

  #clear(process) {
    return this.#invalidate(
      process,
      names,
      () => true,
      (cache) => cache.clear(),
      "clear()",
    );
  }

  /** Two who store or invalidate at once have no order, so this is done alone. */
  async #set(process, key) {
    if (this.#isSetting || this.#underWay > 0) return;
    this.#isSetting = true;
    this.#origin[key] += 1;
    const value = this.#valueOf(key, this.#origin[key]);
    const concerns = (other) => other === key;
    await this.#say(process, concerns, (cache) => cache.set(key, value, keys[key].options), `set(${key})`);
    this.#isSetting = false;
  }

  /** What has been made up for holds everywhere from now on. */
  settleJournals() {
    for (const [process, owed] of this.#owed) {
      // What a process that is dead owed nobody makes up for.
      if (!process.isDead && process.cache(this.#namespace).stats().journal > 0) continue;
      this.#owed.delete(process);
      if (process.isDead) continue;
      this.#note(`${process.name} has made up for its journal`);
      for (const one of owed) one.madeUpFor();
    }
  }

  /** Whether something is owed still. */
  get owes() {
    this.settleJournals();
    return this.#owed.size > 0;
  }
}
