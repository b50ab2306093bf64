// What the tests of faults have in common: a server with somebody who looks past the client, and waiting for what comes.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createClient } from "edgis";
import { faultProxy, startRedis } from "edgis/testing";
import "../js/linear.mjs";
import { observe } from "../js/observer.mjs";

/** The tests run as the issue wants them: more processes, longer pauses. It takes minutes. */
export const isFull = process.env.FULL_FAULTS === "1";

/** The value, or the error. */
export const caught = (promise) =>
  promise.then(
    (value) => value,
    (error) => error,
  );

/** Asks again and again, as requests do, until it holds; gives the milliseconds that it took. */
export async function until(holds, within = 15_000, what = "it") {
  const start = performance.now();
  while (!(await holds())) {
    assert.ok(performance.now() - start < within, `${what} did not come to hold within ${within} ms`);
    await sleep(5);
  }
  return performance.now() - start;
}

/**
 * The least of a few attempts: a bound on what the client takes, on a machine that may be busy. Each gives milliseconds.
 */
export async function best(attempts, attempt) {
  const all = [];
  for (let i = 0; i < attempts; i += 1) all.push(await attempt(i));
  return Math.min(...all);
}

/**
 * A server, an observer, a proxy and clients; all gone at the end of the test.
 *
 * @param {string[]} [args] of the server
 */
export async function scene(t, args = []) {
  const server = await startRedis({ args });
  const proxy = await faultProxy(server.url);
  const clients = [];
  const observers = [];
  t.after(async () => {
    server.resume();
    await proxy.heal();
    await Promise.all(clients.map((client) => client.close()));
    for (const observer of observers) observer.close();
    await proxy.close();
    await server.stop();
  });
  return {
    server,
    proxy,
    client(options = {}) {
      const client = createClient({ url: server.url, logger: false, ...options });
      clients.push(client);
      return client;
    },
    async observer(password) {
      const observer = await observe(server, password);
      observers.push(observer);
      return observer;
    },
  };
}

const program = fileURLToPath(new URL("steady.program.mjs", import.meta.url));

/** A process of an app, which asks Redis all the time: see steady.program.mjs. */
export async function startSteady(t, settings) {
  const { REDIS_URL, REDIS_URI, NODE_TEST_CONTEXT, ...env } = process.env;
  const child = fork(program, [JSON.stringify(settings)], { env, stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const ended = once(child, "exit");
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const waiting = new Map();
  const steady = {
    pid: child.pid,
    /** When it was answered first on each of its connections, by the wall clock. */
    well: [],
    /** Asks it for one thing and gives the answer. */
    async ask(what) {
      const answer = new Promise((resolve) => waiting.set(what, resolve));
      child.send(what);
      return await answer;
    },
    freeze: () => process.kill(child.pid, "SIGSTOP"),
    thaw: () => process.kill(child.pid, "SIGCONT"),
  };
  const ready = new Promise((resolve, reject) => {
    child.once("exit", () => reject(new Error("the process has ended")));
    child.on("message", ({ well, answer, value }) => {
      if (well !== undefined) {
        steady.well.push(well);
        resolve();
      } else waiting.get(answer)(value);
    });
  });
  await ready;
  return steady;
}
