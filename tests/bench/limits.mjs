#!/usr/bin/env node
// Measures edgis/ratelimit beside its peers: distinct keys, one hot key, a key that is denied, one request at a time.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { findRedisServer } from "../js/redis-server.mjs";
import { atLeast, atMost } from "./bars.mjs";
import { Contest } from "./contest.mjs";
import { installLimits, versionOfLimiter } from "./install.mjs";
import { ratio } from "./statistics.mjs";
import { barRows, grid, machine, number, thousands, times } from "./table.mjs";

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "string" },
    strict: { type: "boolean", default: false },
  },
});

const settings = options.quick ? { rounds: 3, round: 80, warm: 200 } : { rounds: 11, round: 150, warm: 600 };

const limiters = [
  { name: "edgis", package: "edgis" },
  { name: "flexible", package: "rate-limiter-flexible" },
  { name: "flexible-auto", package: "rate-limiter-flexible" },
  { name: "rate-limit-redis", package: "rate-limit-redis" },
].map((limiter) => ({
  ...limiter,
  label: limiter.name,
  runtime: "node",
  adapter: fileURLToPath(new URL(`limits/clients/${limiter.name}.mjs`, import.meta.url)),
}));
const peers = limiters.slice(1);

const PLENTY = 1e9;
const load = (id, title, kind, flight, algorithm = "fixed") => ({
  id,
  title,
  kind,
  flight,
  hints: { algorithm, limit: kind === "denied" ? 1 : PLENTY },
});
/** Peers have fixed windows, whatever is asked of edgis. */
const loads = [
  load("one", "1 at once, sliding", "distinct", 1, "sliding"),
  load("sliding", "100 at once, distinct keys, sliding", "distinct", 100, "sliding"),
  load("bucket", "100 at once, distinct keys, bucket", "distinct", 100, "bucket"),
  load("fixed", "100 at once, distinct keys, fixed", "distinct", 100),
  load("hot", "100 at once, one key, bucket", "hot", 100, "bucket"),
  load("denied", "100 at once, one key that is denied", "denied", 100),
];

if (!installLimits()) throw new Error("there is no package: run make package first");
const contest = new Contest(limiters, fileURLToPath(new URL("limits/worker.mjs", import.meta.url)), settings);

const results = {
  machine: {
    date: new Date().toISOString().slice(0, 10),
    quick: options.quick,
    cpu: cpus()[0].model.trim(),
    cores: cpus().length,
    node: process.version.slice(1),
    redis: /v=(\S+)/.exec(execFileSync(findRedisServer(), ["--version"], { encoding: "utf8" }))?.[1],
    versions: Object.fromEntries(limiters.map((limiter) => [limiter.name, versionOfLimiter(limiter.package)])),
  },
  loads: {},
};
for (const one of loads) results.loads[one.id] = await contest.measure(one, one.hints);
results.failures = contest.failures;
results.machine.seconds = contest.seconds;

const against = (id, figure) =>
  peers
    .map(({ name }) => ratio(results.loads[id].edgis?.[figure], results.loads[id][name]?.[figure]))
    .filter((value) => value !== undefined);
const rate = (id) => Math.min(...against(id, "rates"));
const cpu = (id) => Math.max(...against(id, "cpus"));
results.bars = [
  atLeast("1 at once, to the best", rate("one"), 1),
  atLeast("distinct keys, sliding, to the best", rate("sliding"), 2.2),
  atLeast("distinct keys, bucket, to the best", rate("bucket"), 2.2),
  atLeast("distinct keys, fixed, to the best", rate("fixed"), 3),
  atLeast("one hot key, to the best", rate("hot"), 7),
  atLeast("a denied key, to the best", rate("denied"), 20),
  atMost("client CPU, distinct keys, sliding, to the best", cpu("sliding"), 0.25),
];

const names = limiters.map(({ name }) => name);
const rows = (cell) => loads.map(({ id, title }) => [title, ...names.map((name) => cell(results.loads[id], name))]);
const tables = [
  {
    title: "Decisions, thousands a second",
    head: ["", ...names],
    rows: rows((measured, name) => thousands(measured[name]?.rate)),
  },
  {
    title: "Client CPU, µs a decision",
    head: ["", ...names],
    rows: rows((measured, name) => number(measured[name]?.cpu)),
  },
  {
    title: "edgis ÷ peer",
    head: ["", ...names.slice(1)],
    rows: rows((measured, name) => times(ratio(measured.edgis?.rates, measured[name]?.rates))).map((row) =>
      row.toSpliced(1, 1),
    ),
  },
];
results.tables = tables;
console.log(["", machine(results), "", ...tables.map(({ title, head, rows }) => grid(title, head, rows))].join("\n"));
console.log(grid("Bars", ["", "measure", "must reach", "is"], barRows(results.bars)));
for (const { client, what, message } of contest.failures) console.log(`failed: ${client}, ${what}: ${message}`);
if (options.json) writeFileSync(resolve(options.json), `${JSON.stringify(results, null, 1)}\n`);
if (options.strict && results.bars.some(({ pass }) => !pass)) process.exitCode = 1;
