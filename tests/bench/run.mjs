#!/usr/bin/env node
// Measures edgis beside its peers. See README.md for how to read what it prints.

import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { judge } from "./bars.mjs";
import { cache, findBun, install, versionOf } from "./install.mjs";
import { FULL, groups, QUICK } from "./loads.mjs";
import { describeMachine } from "./machine.mjs";
import { measureCold, measureGroup, measureInFlight, measureRetained } from "./phases.mjs";
import { choose, SUBJECT } from "./roster.mjs";
import { startFilledRedis } from "./server.mjs";
import { measureSize } from "./size.mjs";
import { table } from "./table.mjs";

const usage = `node tests/bench/run.mjs [options]
  --quick            shorter rounds and fewer of them: under a minute, noisier
  --clients a,b,…    only these clients (names as in roster.mjs)
  --only a,b,…       only these parts: loads, cold, heap, retained, size, or single loads by id (get-1000, closed-set-1000, …)
  --with name=path   add an adapter, or put it in the place of the client of that name; may be repeated
  --pin              Redis on the last core, clients on the others (taskset): steadier, but not how anyone runs them
  --json [file]      write the results (default target/bench/results.json)
  --strict           exit code 1 unless every bar is reached`;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    clients: { type: "string", default: "" },
    only: { type: "string", default: "" },
    with: { type: "string", multiple: true, default: [] },
    pin: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    strict: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (options.help) {
  console.log(usage);
  process.exit(0);
}

const list = (text) => text.split(",").filter(Boolean);
const only = list(options.only);
const settings = options.quick ? QUICK : FULL;
const selected = groups
  .map((group) => ({ ...group, loads: group.loads.filter(({ id }) => wants("loads") || only.includes(id)) }))
  .filter((group) => group.loads.length);

function wants(part) {
  return !only.length || only.includes(part);
}

function present(clients, hasEdgis) {
  return clients.filter((client) => {
    const missing = client.runtime === "bun" ? !bun : client.name === SUBJECT && !client.replaced && !hasEdgis;
    if (missing)
      console.error(`${client.label} is left out: ${client.runtime === "bun" ? "no bun" : "run make package first"}`);
    return !missing;
  });
}

function describeRun(clients) {
  const versions = clients.filter((client) => client.package && !client.replaced);
  return {
    ...describeMachine(),
    quick: options.quick,
    pinned: options.pin,
    settings,
    versions: Object.fromEntries(versions.map((client) => [client.name, versionOf(client.package)])),
  };
}

const began = performance.now();
const hasEdgis = install();
const bun = findBun();
const extra = options.with.map((text) => [
  text.slice(0, text.indexOf("=")),
  resolve(text.slice(text.indexOf("=") + 1)),
]);
const clients = present(choose(list(options.clients), extra), hasEdgis);
const last = cpus().length - 1;
const pinned = options.pin ? { server: String(last), clients: last > 1 ? `0-${last - 1}` : "0" } : undefined;
const redis = await startFilledRedis(pinned);
const failures = [];
const context = { clients, settings, lines: { bun: [bun] }, pinned, port: redis.port, fail, progress };

function fail(client, what, error) {
  failures.push({ client: client.name, what, message: error.message });
  console.error(`\n${client.label}, ${what}: ${error.message}`);
}

function progress(text) {
  const seconds = ((performance.now() - began) / 1000).toFixed(0).padStart(4);
  console.error(`${seconds} s  ${text}`);
}

const results = {
  machine: describeRun(clients),
  clients: clients.map(({ name, label }) => ({ name, label })),
  loads: {},
};
try {
  for (const group of selected) Object.assign(results.loads, await measureGroup(group, context));
  if (wants("cold")) results.cold = await measureCold(context);
  if (wants("heap")) results.heap = await measureInFlight(context);
  if (wants("retained")) results.retained = await measureRetained(context);
  if (wants("size")) {
    progress("sizes");
    results.size = {};
    for (const client of clients.filter(({ imports, replaced }) => imports && !replaced)) {
      try {
        results.size[client.name] = await measureSize(client);
      } catch (error) {
        fail(client, "size", error);
      }
    }
  }
} finally {
  await redis.stop();
}
results.failures = failures;
results.bars = judge(results, SUBJECT);
results.machine.seconds = Math.round((performance.now() - began) / 1000);

console.log(table(results));
if (options.json) {
  const file = positionals[0] ? resolve(positionals[0]) : join(cache, "results.json");
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, rounded, 1)}\n`);
  console.error(`written: ${file}`);
}
if (options.strict && results.bars.some(({ pass }) => !pass)) process.exitCode = 1;

function rounded(_, value) {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
}
