// Libraries over a client take turns, each in a process and with a server of its own, so that none reads another's keys.
import { startRedis } from "../js/redis-server.mjs";
import { turns } from "./phases.mjs";
import { summarise } from "./statistics.mjs";
import { startSubject } from "./subject.mjs";

export class Contest {
  /** [which, in what, why] of everything that went wrong. */
  failures = [];
  #began = performance.now();

  /**
   * @param entrants `{ name, adapter, runtime }` of each
   * @param worker the program of the measured processes
   * @param settings `rounds`, and the milliseconds of a `round` and of the `warm`-up
   */
  constructor(entrants, worker, settings) {
    this.entrants = entrants;
    this.worker = worker;
    this.settings = settings;
  }

  get seconds() {
    return Math.round((performance.now() - this.#began) / 1000);
  }

  progress(text) {
    console.error(`${String(this.seconds).padStart(4)} s  ${text}`);
  }

  fail({ name }, what, { message }) {
    this.failures.push({ client: name, what, message });
    console.error(`${name}, ${what}: ${message}`);
  }

  /** Starts all of them and a server for each, for as long as `use` takes. */
  async withEach(hints, use) {
    const running = [];
    try {
      for (const entrant of this.entrants) {
        const redis = await startRedis({ args: ["--loglevel", "warning"] });
        const one = { entrant, redis, rounds: [], failed: false };
        running.push(one);
        try {
          one.subject = await startSubject(entrant, { port: redis.port, hints, worker: this.worker });
        } catch (error) {
          one.failed = true;
          this.fail(entrant, "start", error);
        }
      }
      return await use(running);
    } finally {
      for (const { subject, redis } of running) {
        await subject?.stop();
        await redis.stop();
      }
    }
  }

  /** Does something with one that has not failed yet. */
  async attempt(one, what, act) {
    if (one.failed) return;
    try {
      await act();
    } catch (error) {
      one.failed = true;
      this.fail(one.entrant, what, error);
    }
  }

  /** A round of each, then the next of each; a summary by name of those that went through. */
  async measure(load, hints) {
    this.progress(load.title);
    return await this.withEach(hints, async (running) => {
      const take = (one, ms, verify) =>
        this.attempt(one, load.id, async () => {
          const round = await one.subject.ask("run", { load, ms, verify });
          if (!verify) one.rounds.push(round);
        });
      for (const one of running) await take(one, this.settings.warm, true);
      for (let round = 0; round < this.settings.rounds; round++) {
        for (const one of turns(running, round)) await take(one, this.settings.round, false);
      }
      const complete = running.filter(({ failed }) => !failed);
      return Object.fromEntries(complete.map(({ entrant, rounds }) => [entrant.name, summarise(rounds)]));
    });
  }
}
