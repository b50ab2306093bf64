// Libraries over a client take turns, each in a process and with a server of its own, so that none reads another's keys.
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startRedis } from "../js/redis-server.mjs";
import { describeMachine } from "./machine.mjs";
import { turns } from "./phases.mjs";
import { summarise } from "./statistics.mjs";
import { startSubject } from "./subject.mjs";
import { barRows, grid, machine } from "./table.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The command line of a contest. */
export const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "string" },
    strict: { type: "boolean", default: false },
  },
});

export class Contest {
  /** [which, in what, why] of everything that went wrong. */
  failures = [];
  #began = performance.now();

  /**
   * @param folder of the program of the measured processes, and of the entrants' adapters
   * @param entrants the `name` of each and the `package` that it comes from
   * @param settings `rounds`, and the milliseconds of a `round` and of the `warm`-up
   */
  constructor(folder, entrants, settings) {
    this.entrants = entrants.map((entrant) => ({
      ...entrant,
      label: entrant.name,
      runtime: "node",
      adapter: here(`${folder}/clients/${entrant.name}.mjs`),
    }));
    this.worker = here(`${folder}/worker.mjs`);
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

  /** Starts the results of a run: the machine and the versions. */
  begin(versionOf) {
    const versions = Object.fromEntries(this.entrants.map((entrant) => [entrant.name, versionOf(entrant.package)]));
    return { machine: { ...describeMachine(), quick: options.quick, versions }, loads: {} };
  }

  /** Prints the results, and writes them where the command line says so. */
  publish(results) {
    results.failures = this.failures;
    results.machine.seconds = this.seconds;
    const grids = results.tables.map(({ title, head, rows }) => grid(title, head, rows));
    console.log(["", machine(results), "", ...grids].join("\n"));
    console.log(grid("Bars", ["", "measure", "must reach", "is"], barRows(results.bars)));
    for (const { client, what, message } of this.failures) console.log(`failed: ${client}, ${what}: ${message}`);
    if (options.json) writeFileSync(resolve(options.json), `${JSON.stringify(results, null, 1)}\n`);
    if (options.strict && results.bars.some(({ pass }) => !pass)) process.exitCode = 1;
  }
}
