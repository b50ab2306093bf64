// A measured process seen from outside: started fresh, asked by lines of JSON, ended by its own id.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { decode, encode } from "./lines.mjs";

const script = (name) => fileURLToPath(new URL(name, import.meta.url));
const PATIENCE = 60_000;

/** The command line of a client's process: its runtime (`lines`), on the cores that the server leaves when the run is pinned. */
function commandLine(client, { lines, pinned }, flags, args) {
  const line = client.runtime === "node" ? [process.execPath, ...flags, ...args] : [...lines[client.runtime], ...args];
  return pinned ? ["taskset", "-c", pinned.clients, ...line] : line;
}

/** Starts the worker of `client` against `port` and resolves when its client is connected. */
export async function startSubject(client, context) {
  const { port, hints = {}, worker = script("worker.mjs") } = context;
  const own = [worker, client.adapter, String(port), JSON.stringify(hints)];
  const [executable, ...args] = commandLine(client, context, ["--expose-gc"], own);
  const child = spawn(executable, args, { stdio: ["pipe", "pipe", "pipe"] });
  let complaint = "";
  child.stderr.on("data", (chunk) => {
    complaint = (complaint + chunk).slice(-2000);
  });
  child.stdin.on("error", () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const timed = async (promise) => {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${PATIENCE / 1000} s`)), PATIENCE);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  };
  const next = async () => {
    for (;;) {
      const { value, done } = await timed(lines.next());
      if (done) throw new Error(`process ended: ${complaint.trim().split("\n").slice(-8).join(" | ") || "no message"}`);
      const message = decode(value);
      if (message) return message;
    }
  };
  /** Asks for a task; `onNote` hears what the process says before its result. */
  const ask = async (task, options, onNote = () => {}) => {
    child.stdin.write(encode({ task, ...options }));
    for (;;) {
      const message = await next();
      if ("error" in message) throw new Error(message.error);
      if ("result" in message) return message.result;
      onNote(message.note);
    }
  };
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.stdin.end(encode({ task: "close" }));
    const timer = setTimeout(() => child.kill("SIGKILL"), 2000);
    await ended;
    clearTimeout(timer);
  };
  try {
    await next();
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  return { ask, stop };
}

/** One cold start: a process that does nothing else. */
export async function coldStart(client, context) {
  const [executable, ...args] = commandLine(
    client,
    context,
    [],
    [script("cold.mjs"), client.adapter, String(context.port)],
  );
  const child = spawn(executable, args, { stdio: ["ignore", "pipe", "pipe"], timeout: PATIENCE });
  let out = "";
  let complaint = "";
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    complaint += chunk;
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  const measured = out.split("\n").map(decode).find(Boolean);
  if (code !== 0 || !measured)
    throw new Error(complaint.trim().split("\n").slice(-8).join(" | ") || `exit code ${code}`);
  return measured;
}
