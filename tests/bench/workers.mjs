#!/usr/bin/env node
// Measures what a request to a Worker costs with edgis, with a bare socket and with other clients: CPU of workerd.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createClient } from "edgis";
import { startRedis } from "../js/redis-server.mjs";
import { dayOf, uploaded, versions } from "../packaging/workers.mjs";
import { installWorkers, root, versionOfWorker } from "./install.mjs";
import { turns } from "./phases.mjs";
import { median, ratio, spread } from "./statistics.mjs";
import { grid, number, times } from "./table.mjs";

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "string" },
    strict: { type: "boolean", default: false },
    only: { type: "string" },
    generation: { type: "string", default: "newest" },
  },
});

const settings = options.quick ? { rounds: 5, requests: 600, warm: 600 } : { rounds: 15, requests: 1_500, warm: 2_000 };

/** `peer`: measured beside it. The others of Node's world want its modules. */
const subjects = [
  { name: "bare socket", source: "bare" },
  { name: "edgis", source: "edgis", package: "edgis" },
  { name: "ioredis", source: "ioredis", package: "ioredis", flags: ["nodejs_compat"] },
  { name: "node-redis", source: "redis", package: "redis", flags: ["nodejs_compat"] },
  { name: "redis-on-workers", source: "redis-on-workers", package: "redis-on-workers" },
].filter(({ source }) => options.only === undefined || options.only.split(",").includes(source));
const loads = [
  { id: "one", title: "a request with one GET, 200 at once", gets: 1, flight: 200 },
  { id: "ten", title: "a request with ten GETs, 200 at once", gets: 10, flight: 200 },
  { id: "alone", title: "a request with one GET, one at a time", gets: 1, flight: 1 },
];
/** Of the CPU that a bare socket takes, for a request with one GET, 200 at once. */
const BAR = 1.3;

if (process.platform !== "linux") throw new Error("the CPU of another process is read from /proc: this needs Linux");
if (!installWorkers()) throw new Error("there is no package: run make package first");

const trees = { newest: "workerd-newest", pinned: "workerd" };
const requireOf = (tree) => createRequire(join(root, "target/setup/npm", tree, "node_modules/x.js"));
process.env.MINIFLARE_WORKERD_PATH = createRequire(
  requireOf(trees[options.generation]).resolve("workerd/package.json"),
).resolve(`@cloudflare/workerd-linux-${process.arch === "x64" ? "64" : process.arch}/bin/workerd`);
const { Miniflare } = requireOf("workerd")("miniflare");

const children = () =>
  readdirSync("/proc").filter((id) => /^\d+$/.test(id) && fieldsOf(id)?.[1] === String(process.pid));

/** Of /proc/…/stat, from the state on: its name may hold anything. */
function fieldsOf(id) {
  try {
    const text = readFileSync(`/proc/${id}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

/** Ticks of user and system time; a hundred of them are a second. */
const cpuOf = (id) => {
  const fields = fieldsOf(id);
  return Number(fields[11]) + Number(fields[12]);
};

async function startSubject(subject, url) {
  const main = fileURLToPath(new URL(`workers/${subject.source}.mjs`, import.meta.url));
  const modules = await uploaded(options.generation, { main, flags: subject.flags, minify: true });
  const before = new Set(children());
  const miniflare = new Miniflare({
    modules,
    modulesRoot: "/",
    compatibilityDate: dayOf(options.generation),
    compatibilityFlags: subject.flags ?? [],
    bindings: { REDIS_URL: url },
  });
  const base = await miniflare.ready;
  const id = children().find((child) => !before.has(child));
  const agent = new Agent({ keepAlive: true, maxSockets: 200 });
  const ask = (path) =>
    new Promise((done, failed) => {
      get(new URL(path, base), { agent }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () =>
          response.statusCode === 200 && text === "value" ? done() : failed(new Error(`${subject.name}: ${text}`)),
        );
      }).on("error", failed);
    });
  const run = async ({ gets, flight }, requests) => {
    let left = requests;
    const lane = async () => {
      while (left-- > 0) await ask(`/?gets=${gets}`);
    };
    const start = cpuOf(id);
    await Promise.all(Array.from({ length: flight }, lane));
    return ((cpuOf(id) - start) * 10_000) / requests;
  };
  return { subject, run, rounds: [], stop: () => miniflare.dispose() };
}

const redis = await startRedis();
const admin = createClient({ url: redis.url, logger: false });
await admin.set("k", "value");
const running = [];
const results = { versions: versions(options.generation), loads: {}, packages: {} };
for (const { package: name } of subjects) if (name !== undefined) results.packages[name] = versionOfWorker(name);
try {
  for (const subject of subjects) running.push(await startSubject(subject, redis.url));
  for (const load of loads) {
    const requests = load.gets > 1 || load.flight === 1 ? settings.requests / 3 : settings.requests;
    console.error(load.title);
    for (const entrant of running) {
      entrant.rounds = [];
      await entrant.run(load, settings.warm);
    }
    for (let round = 0; round < settings.rounds; round++)
      for (const entrant of turns(running, round)) entrant.rounds.push(await entrant.run(load, requests));
    results.loads[load.id] = Object.fromEntries(running.map(({ subject, rounds }) => [subject.name, { cpus: rounds }]));
  }
} finally {
  for (const { stop } of running) await stop();
  await admin.close();
  await redis.stop();
}

const names = subjects.map(({ name }) => name);
const rowsOf = (cell) => loads.map(({ id, title }) => [title, ...names.map((name) => cell(results.loads[id], name))]);
const noise = Math.max(...loads.flatMap(({ id }) => names.map((name) => spread(results.loads[id][name].cpus))));
const { workerd } = results.versions;
console.log(
  grid(
    `CPU of workerd ${workerd}, µs a request`,
    ["", ...names],
    rowsOf((load, name) => number(median(load[name].cpus))),
  ),
);
const against = (load, name) => ratio(load[name].cpus, load["bare socket"]?.cpus);
console.log(
  grid(
    "÷ bare socket",
    ["", ...names],
    rowsOf((load, name) => times(against(load, name))),
  ),
);
console.log(`The middle half of the rounds lies ${Math.round(100 * noise)} % apart at the most.`);
if (options.json !== undefined) writeFileSync(resolve(options.json), JSON.stringify(results, undefined, 2));
const reached = against(results.loads.one, "edgis");
console.log(`edgis takes ${times(reached)} the CPU of a bare socket; the bar is ${times(BAR)}.`);
if (options.strict && !(reached <= BAR)) process.exitCode = 1;
