#!/usr/bin/env node
// Measures edgis/ratelimit beside its peers: distinct keys, one hot key, a key that is denied, one request at a time.
import { atLeast, atMost } from "./bars.mjs";
import { Contest, options } from "./contest.mjs";
import { installLimits, versionOfLimiter } from "./install.mjs";
import { ratio } from "./statistics.mjs";
import { number, thousands, times } from "./table.mjs";

const settings = options.quick ? { rounds: 3, round: 80, warm: 200 } : { rounds: 11, round: 150, warm: 600 };

const contest = new Contest(
  "limits",
  [
    { name: "edgis", package: "edgis" },
    { name: "flexible", package: "rate-limiter-flexible" },
    { name: "flexible-auto", package: "rate-limiter-flexible" },
    { name: "rate-limit-redis", package: "rate-limit-redis" },
  ],
  settings,
);
const { entrants: limiters } = contest;
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
const results = contest.begin(versionOfLimiter);
for (const one of loads) results.loads[one.id] = await contest.measure(one, one.hints);

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
results.tables = [
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
contest.publish(results);
