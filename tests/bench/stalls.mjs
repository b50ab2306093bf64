// How long the event loop stands still when many commands end at once: a link dies under them, one signal ends them, their
// deadline passes. `node tests/bench/stalls.mjs [--rounds=7]`; edgis beside ioredis, which gives all of them one error.
//
// Each figure is the median over fresh processes, which take turns: a link seldom dies twice, so nothing is compiled for it.

import { fork } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { scripted } from "../js/peers.mjs";
import { install } from "./install.mjs";
import { median } from "./statistics.mjs";

const COUNTS = [10_000, 50_000, 100_000];
const cases = [
  { client: "ioredis", ends: "link" },
  { client: "edgis", ends: "link" },
  { client: "edgis", ends: "signal" },
  { client: "edgis", ends: "deadline" },
];

// ── The measured process ──────────────────────────────────────────────────────────────────────────────────────────

const clients = {
  async ioredis(port) {
    const { Redis } = await import("ioredis");
    const redis = new Redis({
      port,
      enableReadyCheck: false,
      retryStrategy: null,
      autoResendUnfulfilledCommands: false,
    });
    redis.on("error", () => {});
    await redis.ping();
    return redis;
  },
  async edgis(port, ends) {
    const { createClient } = await import("edgis");
    const timeouts = { command: ends === "deadline" ? 3_000 : "60s" };
    const redis = createClient({ url: `redis://127.0.0.1:${port}`, logger: false, timeouts });
    await redis.ping();
    return redis;
  },
};

/** This thread's time where Node tells it, else the process's: a busy machine must not count as a stall. */
const cpu = () => {
  const { user, system } = process.threadCpuUsage?.() ?? process.cpuUsage();
  return (user + system) / 1000;
};

/** The longest turn of the event loop until the promise is settled, in milliseconds of CPU time. */
function longestTurn(promise) {
  let longest = 0;
  let last = cpu();
  let goesOn = true;
  const look = () => {
    const now = cpu();
    longest = Math.max(longest, now - last);
    last = now;
    if (goesOn) setImmediate(look);
  };
  setImmediate(look);
  return promise
    .finally(() => sleep(5))
    .then(() => {
      goesOn = false;
      return longest;
    });
}

async function measure({ client, ends, count, port }) {
  const redis = await clients[client](port, ends);
  const controller = new AbortController();
  const caller = ends === "signal" ? redis.with({ signal: controller.signal }) : redis;
  const all = Array.from({ length: count }, (_, i) => caller.incr(`k${i}`));
  const settled = Promise.allSettled(all);
  await sleep(1_000);
  if (ends === "link") process.send("cut");
  const longest = longestTurn(settled);
  if (ends === "signal") controller.abort();
  process.send({ longest: await longest });
  process.exit();
}

// ── The orchestrator ──────────────────────────────────────────────────────────────────────────────────────────────

/** It answers what clients begin with, and nothing else; ioredis writes names in small letters. */
const answers = { INCR: "", incr: "", ping: "+PONG\r\n", client: "+OK\r\n", hello: "%1\r\n$5\r\nproto\r\n:3\r\n" };

async function ask(task) {
  const server = await scripted(([name]) => answers[name]);
  const child = fork(fileURLToPath(import.meta.url), { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  try {
    return await new Promise((resolve, reject) => {
      child.on("exit", (code) => reject(new Error(`${task.client} ended with ${code}`)));
      child.on("message", (told) => {
        if (told.longest !== undefined) resolve(told.longest);
        else for (const socket of server.sockets) socket.resetAndDestroy();
      });
      child.send({ ...task, port: server.port });
    });
  } finally {
    child.kill("SIGKILL");
    await server.close();
  }
}

async function main() {
  const { values } = parseArgs({ options: { rounds: { type: "string", default: "7" } } });
  install();
  for (const count of COUNTS) {
    const rounds = cases.map(() => []);
    for (let round = 0; round < Number(values.rounds); round += 1)
      for (const [at, task] of cases.entries()) rounds[at].push(await ask({ ...task, count }));
    const [yardstick] = rounds.map(median);
    const line = cases.map(({ client, ends }, at) => {
      const figure = median(rounds[at]);
      return `${client}, ${ends} ${figure.toFixed(1)} ms${at === 0 ? "" : ` (${(figure / yardstick).toFixed(2)})`}`;
    });
    console.log(`${count.toLocaleString("en").padStart(7)} commands: ${line.join("   ")}`);
  }
}

if (process.send === undefined) await main();
else process.once("message", measure);
