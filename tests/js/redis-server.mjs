// Throwaway Redis servers for tests, benches and the demo: on a free loopback port, in a folder of their own, gone with
// the process that started them.
import { spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const startup = 10_000;
// Where the setup links the server when it is not on PATH.
const linked = fileURLToPath(new URL("../../target/setup/bin", import.meta.url));
const running = new Set();

process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** The path of the redis-server binary, or undefined where there is none. `EDGIS_REDIS_SERVER` names another. */
export function findRedisServer() {
  if (process.env.EDGIS_REDIS_SERVER) return process.env.EDGIS_REDIS_SERVER;
  for (const folder of [...(process.env.PATH ?? "").split(delimiter), linked]) {
    const path = join(folder, "redis-server");
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // The next folder.
    }
  }
  return undefined;
}

/** A loopback TCP port that was free a moment ago. */
export function freePort(host = "127.0.0.1") {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, host, () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/**
 * Starts a server and waits until it answers PING.
 *
 * @param {object} [options]
 * @param {string[]} [options.args] further command-line options, as in `["--requirepass", "secret"]`
 * @param {number} [options.port] default: a free one; give the port of a server that ended to bring it "back"
 * @param {string} [options.host] default: 127.0.0.1
 * @param {string} [options.binary] default: `findRedisServer()`
 * @returns {Promise<RedisServer>}
 */
export async function startRedis({ args = [], port, host = "127.0.0.1", binary = findRedisServer() } = {}) {
  if (binary === undefined) throw new Error("There is no redis-server here: install Redis 6.2 or newer.");
  // Between finding a free port and listening on it, somebody else may have taken it.
  for (let attempt = 1; ; attempt += 1) {
    const server = new RedisServer(binary, host, port ?? (await freePort(host)), args);
    try {
      await server.answering();
      return server;
    } catch (error) {
      await server.stop();
      if (port !== undefined || attempt === 5 || !server.log.includes("Address already in use")) throw error;
    }
  }
}

export class RedisServer {
  /** What the server printed so far. */
  log = "";
  #child;
  #ended;

  constructor(binary, host, port, args) {
    this.host = host;
    this.port = port;
    this.url = `redis://${host.includes(":") ? `[${host}]` : host}:${port}`;
    this.dir = mkdtempSync(join(tmpdir(), "edgis-redis-"));
    const own = ["--bind", host, "--port", String(port), "--dir", this.dir, "--save", "", "--appendonly", "no"];
    this.#child = spawn(binary, [...own, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    running.add(this.#child);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on("data", (chunk) => {
        this.log += chunk;
      });
      // A test that forgets its server still ends; the exit handler above takes the server down with it.
      stream.unref();
    }
    this.#child.unref();
    this.#ended = new Promise((resolve) => {
      this.#child.on("error", (error) => {
        this.log += error.message;
        resolve();
      });
      this.#child.on("exit", () => resolve());
    });
    this.#ended.then(() => {
      running.delete(this.#child);
      rmSync(this.dir, { recursive: true, force: true });
    });
  }

  get pid() {
    return this.#child.pid;
  }

  get running() {
    return running.has(this.#child);
  }

  /** Resolves when the server answers PING, be it with an error: one that wants a password is up as well. */
  async answering() {
    const until = performance.now() + startup;
    while (this.running && performance.now() < until) {
      const answer = await ping(this.host, this.port);
      if (/^(\+PONG|-(?!LOADING))/.test(answer)) return;
      await sleep(10);
    }
    throw new Error(`redis-server did not start on port ${this.port}:\n${this.log}`);
  }

  /** Asks the server to end, waits until it has; connections see an orderly close. */
  stop() {
    return this.#end("SIGTERM");
  }

  /** Ends the server as a crash does. */
  kill() {
    return this.#end("SIGKILL");
  }

  /** Freezes the process: connections stay open, and nothing answers any more. */
  pause() {
    this.#child.kill("SIGSTOP");
  }

  /** Lets a paused process go on. */
  resume() {
    this.#child.kill("SIGCONT");
  }

  async #end(signal) {
    if (this.running) {
      this.#child.ref();
      // A frozen process takes no other signal than SIGKILL before it goes on.
      if (signal !== "SIGKILL") this.#child.kill("SIGCONT");
      this.#child.kill(signal);
    }
    await this.#ended;
  }
}

/** The first bytes of the answer to an inline PING; "" when there is no connection or no answer. */
function ping(host, port) {
  return new Promise((resolve) => {
    const socket = connect({ host, port }, () => socket.write("PING\r\n"));
    const done = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1000, () => done(""));
    socket.on("error", () => done(""));
    socket.on("close", () => done(""));
    socket.on("data", (chunk) => done(chunk.toString()));
  });
}
