// Runs an app's program beside a Redis of its own, kills that under it, and holds the program to what it must do.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { startRedis } from "edgis/testing";
import { observe } from "../js/observer.mjs";
import { environment } from "./app.mjs";

const LIMIT = 60_000;
/** A program with nothing left to do ends at once; on a busy machine within this. */
const ENDING = 5_000;

/**
 * `command`, which may be a function of the server's URL, runs tests/packaging/app/probe.mjs in whatever shape. Rejects
 * with what was not as it must be.
 */
export async function behaves(
  command,
  { cwd, env = {}, host = "127.0.0.1", connections = 1, reason = "refused", crossings = 2 },
) {
  const redis = await startRedis();
  const observer = await observe(redis);
  const url = `redis://${host}:${redis.port}`;
  const [program, ...args] = typeof command === "function" ? command(url) : command;
  const child = spawn(program, args, {
    cwd,
    env: environment({ ...env, REDIS_URL: url }),
    stdio: ["pipe", "pipe", "pipe"],
  });
  const limit = setTimeout(() => child.kill("SIGKILL"), LIMIT);
  child.stdin.on("error", () => {});
  let said = "";
  let complaints = "";
  child.stderr.on("data", (chunk) => {
    complaints += chunk;
  });
  const ended = new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(signal ?? code));
  });
  const steps = [];
  let last = performance.now();
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      said += `${line}\n`;
      if (!line.startsWith('{"step"')) continue;
      const step = JSON.parse(line);
      steps.push(step);
      last = performance.now();
      if (step.step === "connected") {
        step.connections = (await observer.others()).length;
        await redis.kill();
        child.stdin.end();
      }
    }
    const code = await ended;
    const took = performance.now() - last;
    const [connected, disabled] = steps;
    const all = `${said}${complaints}`;
    assert.equal(code, 0, `ended with ${code}\n${all}`);
    const { state, set, get, last: count, writes } = connected ?? {};
    assert.deepEqual(
      { state, set, get, count, writes, crossings: connected?.crossings, connections: connected?.connections },
      { state: "ready", set: "OK", get: "grüße", count: 100, writes: 1, crossings, connections },
      all,
    );
    assert.deepEqual(
      disabled,
      {
        step: "disabled",
        state: "disabled",
        reason,
        hint: "string",
        known: true,
        kind: "DisabledError",
        unhandled: 0,
      },
      all,
    );
    assert.equal(complaints, "", "it complained");
    assert.ok(took < ENDING, `it ended ${Math.round(took)} ms after its last step`);
  } finally {
    clearTimeout(limit);
    child.kill("SIGKILL");
    observer.close();
    await redis.stop();
  }
}
