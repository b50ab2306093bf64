#!/usr/bin/env node
// Measures edgis on Bun and on Deno, each beside a client that people use there. The runtimes are those that the package
// is tested on (tests/packaging/runtimes); how it is measured is said in README.md.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { commandLine, executable } from "../js/runtimes.mjs";
import { install, versionOf } from "./install.mjs";
import { FULL, groups, QUICK } from "./loads.mjs";
import { describeMachine } from "./machine.mjs";
import { measureCold, measureGroup } from "./phases.mjs";
import { roster } from "./roster.mjs";
import { startFilledRedis } from "./server.mjs";
import { ratio } from "./statistics.mjs";
import { barRows, grid, machine, noise, tables } from "./table.mjs";

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    json: { type: "string" },
  },
});

/** Who runs on which runtime, and what edgis must reach there: the ratio to `peers`, the best of them. */
const runs = [
  { runtime: "bun", clients: ["edgis", "bun"], peers: ["bun"], bar: 1 },
  { runtime: "deno", clients: ["edgis", "ioredis", "ioredis-auto"], peers: ["ioredis"], bar: 5 },
];
const measured = ["get-100", "set-100", "get-1000", "set-1000"];

const settings = options.quick ? QUICK : FULL;
const only = options.only.split(",").filter(Boolean);
const version = (name) => execFileSync(executable(name), ["--version"], { encoding: "utf8" }).match(/\d+\.\d+\.\d+/)[0];

function bars({ runtime, peers, bar }, loads) {
  return measured.map((id) => {
    const ratios = peers.map((name) => ratio(loads[id]?.edgis?.rates, loads[id]?.[name]?.rates));
    const value = Math.min(...ratios.map((one) => one ?? Number.NaN));
    const pass = Number.isNaN(value) ? null : value >= bar;
    return { name: `${runtime}: ${id}, to ${peers.join(" and ")}`, value, bar, unit: "×", sense: "≥", pass };
  });
}

async function measure(run, port) {
  const clients = run.clients.map((name) => ({ ...roster.find((one) => one.name === name), runtime: run.runtime }));
  const failures = [];
  const context = {
    clients,
    settings,
    port,
    lines: { [run.runtime]: commandLine(run.runtime, { exposeGc: true }) },
    progress: (text) => console.error(`${run.runtime}: ${text}`),
    fail: (client, what, error) => {
      failures.push({ client: client.name, what, message: error.message });
      console.error(`${client.label}, ${what}: ${error.message}`);
    },
  };
  const named = clients.map(({ name, label }) => ({ name, label }));
  const results = { runtime: run.runtime, version: version(run.runtime), clients: named, loads: {}, failures };
  for (const group of groups) Object.assign(results.loads, await measureGroup(group, context));
  results.cold = await measureCold(context);
  results.bars = bars(run, results.loads);
  return results;
}

install();
const began = performance.now();
const redis = await startFilledRedis();
const results = [];
try {
  for (const run of runs) if (!only.length || only.includes(run.runtime)) results.push(await measure(run, redis.port));
} finally {
  await redis.stop();
}
const about = {
  ...describeMachine(),
  versions: {
    ...Object.fromEntries(["edgis", "ioredis"].map((name) => [name, versionOf(name)])),
    ...Object.fromEntries(results.map((run) => [run.runtime, run.version])),
  },
  seconds: Math.round((performance.now() - began) / 1000),
};
console.log(`\n${machine({ machine: about })}\n`);
for (const run of results) {
  console.log(`== ${run.runtime} ${run.version}. ${noise(run)}\n`);
  for (const { title, head, rows } of tables(run)) console.log(grid(title, head, rows));
  console.log(grid("Bars", ["", "measure", "must reach", "is"], barRows(run.bars)));
}
if (options.json !== undefined) {
  const brief = (_, value) =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
  writeFileSync(options.json, `${JSON.stringify({ machine: about, runs: results }, brief, 1)}\n`);
}
