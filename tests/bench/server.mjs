// One throwaway Redis on loopback, filled with what the loads read, and a gate that can hold its replies back.

import { execFileSync } from "node:child_process";
import net from "node:net";
import { startRedis } from "../js/redis-server.mjs";
import { open } from "./clients/raw.mjs";
import { KEYS, keys, values } from "./loads.mjs";

const HOST = "127.0.0.1";

/** A server that holds what the loads read; on the core `pinned.server`, if that is given. */
export async function startFilledRedis(pinned) {
  const redis = await startRedis({ args: ["--loglevel", "warning"] });
  try {
    if (pinned) execFileSync("taskset", ["-acp", pinned.server, String(redis.pid)], { stdio: "ignore" });
    await fill(redis.port);
  } catch (error) {
    await redis.stop();
    throw error;
  }
  return redis;
}

async function fill(port) {
  const client = await open(port);
  for (const size of Object.keys(KEYS).map(Number)) await client.prepare("set", keys(size), values(size))();
  client.close();
}

/** A relay in front of Redis. While it holds, requests still go through and replies wait in it. */
export async function startGate(port) {
  const pairs = new Set();
  let holding = false;
  const server = net.createServer((inner) => {
    const outer = net.connect(port, HOST).setNoDelay(true);
    const held = [];
    const pair = { inner: inner.setNoDelay(true), outer, held };
    pairs.add(pair);
    inner.on("data", (chunk) => outer.write(chunk));
    outer.on("data", (chunk) => (holding ? held.push(chunk) : inner.write(chunk)));
    for (const end of [inner, outer]) {
      end.on("error", () => {});
      end.on("close", () => {
        pairs.delete(pair);
        inner.destroy();
        outer.destroy();
      });
    }
  });
  server.listen(0, HOST);
  await new Promise((resolve) => server.once("listening", resolve));
  return {
    port: server.address().port,
    hold: () => {
      holding = true;
    },
    release: () => {
      holding = false;
      for (const { inner, held } of pairs) for (const chunk of held.splice(0)) inner.write(chunk);
    },
    stop: () => {
      for (const { inner, outer } of pairs) {
        inner.destroy();
        outer.destroy();
      }
      server.close();
    },
  };
}
