/** Throwaway Redis servers: on a free loopback port, in a folder of their own, gone with the process that started them. */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { connect as connectTls } from "node:tls";
import { type Certificate, selfSigned } from "./certificate.js";
import { checkOptions, isHost, isPort, type Rule } from "./checks.js";
import { Guard } from "./guard.js";
import { later, now, sleep } from "./time.js";

/** How long a starting server may stay silent, and how long it may answer that it loads its data. */
const STARTUP = 10_000;
const LOADING = 60_000;
/** How long a server may take to end before it is killed. */
const SHUTDOWN = 5_000;
const PING_TIMEOUT = 1_000;
const PING_INTERVAL = 10;
/** Another process may take a free port before the server does. */
const PORT_ATTEMPTS = 5;
/** How much of the server's output is kept, in characters. */
const LOG = 64 << 10;

const INSTALL =
  "Install Redis 6.2 or newer, or Valkey (Debian and Ubuntu: apt-get install redis-server; macOS: brew install redis), " +
  "or name a binary: startRedis({ binary }), or EDGIS_REDIS_SERVER in the environment.";

/** Options of `startRedis`; all are optional. */
export interface RedisOptions {
  /** Further command-line options of the server, as in `["--requirepass", "secret"]`. Nothing is persisted by default. */
  args?: readonly string[] | undefined;
  /** Default: a free one. */
  port?: number | undefined;
  /** The address to listen on. Default `127.0.0.1`. */
  host?: string | undefined;
  /** Also listens on a Unix socket, to which `url` then leads. */
  socket?: boolean | undefined;
  /** Listens with TLS only, with a certificate made on the spot: see `tls` of the server. */
  tls?: boolean | undefined;
  /**
   * The path of the server's binary. Default: `EDGIS_REDIS_SERVER` of the environment, else `redis-server`, else
   * `valkey-server`, on PATH.
   */
  binary?: string | undefined;
}

/** Options of `restart`. */
export interface RestartOptions {
  /** Replaces the server's `args`. */
  args?: readonly string[] | undefined;
}

/**
 * A running server. `stop`, `kill` and `restart` take turns in the order of their calls, awaited or not, and the last
 * one counts: a `restart()` that a later `stop()` or `kill()` overtakes rejects, and needs no listener for that.
 */
export interface RedisServer extends AsyncDisposable {
  /** For `createClient`; without credentials, which only `args` know. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** The path of the Unix socket, if one was asked for. */
  readonly path: string | undefined;
  /** With `tls: true` the `tls` option of a client that trusts the server; its `cert` and `key` serve as a client's too. */
  readonly tls: Certificate | undefined;
  /** Process id of the server that runs, or ran last. */
  readonly pid: number;
  readonly running: boolean;
  /** The server's output, its last 64 KB. */
  readonly log: string;
  /** Ends the server in good order, also a paused one, and removes its folder. Resolves when it has ended. */
  stop(): Promise<void>;
  /** Ends the server as a crash does (SIGKILL), also one that is just starting. Resolves when it has ended. */
  kill(): Promise<void>;
  /**
   * Brings the server up again on its port, ending it first where it runs. Resolves when it answers: it may be silent for
   * 10 s, and load its data for 60 s. After `stop()` it comes back empty, its folder being gone.
   *
   * @throws (as a rejection) when it does not start, with what it printed, also because the port was taken meanwhile; when
   * a later `stop()` or `kill()` ended it before it answered
   */
  restart(options?: RestartOptions): Promise<void>;
  /** Freezes the process (SIGSTOP): connections stay open, the kernel accepts new ones, and nothing answers. */
  pause(): void;
  /** Lets a paused process go on (SIGCONT). */
  resume(): void;
}

const isFlag: Rule = { is: (value) => typeof value === "boolean", must: "be true or false" };

const redisOptions = {
  args: {
    is: (value) => Array.isArray(value) && value.every((item) => typeof item === "string"),
    must: 'be an array of strings, as in ["--requirepass", "secret"]',
  },
  port: isPort,
  host: isHost,
  socket: isFlag,
  tls: isFlag,
  binary: { is: (value) => typeof value === "string" && value !== "", must: "be the path of a redis-server" },
} satisfies Record<string, Rule>;

/** The binary that `startRedis` would start, or undefined where there is none. */
export function findRedisServer(): string | undefined {
  const { EDGIS_REDIS_SERVER: named, PATH = "" } = process.env;
  if (named) return named;
  for (const name of ["redis-server", "valkey-server"]) {
    for (const folder of PATH.split(delimiter)) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // The next folder.
      }
    }
  }
  return undefined;
}

/** A free loopback port: connections to it are refused. */
export function freePort(host = "127.0.0.1"): Promise<number> {
  return listened(host, 0);
}

/** Listens on a port for a moment, which shows that it is free. */
function listened(host: string, wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(wanted, host, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/**
 * Starts a throwaway server and waits until it answers. It does not keep the process alive, and does not outlive it,
 * however that ends.
 *
 * @throws (as a rejection) TypeError for options that make no sense; when there is no binary, with what to install; and
 * when the server does not start, with what it printed: it may be silent for 10 s, and load its data for 60 s
 */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  checkOptions("startRedis()", options, redisOptions);
  const { host = "127.0.0.1", binary = findRedisServer() } = options;
  if (binary === undefined) throw new Error(`There is no redis-server on PATH. ${INSTALL}`);
  for (let attempt = 1; ; attempt += 1) {
    const server = new Server(binary, host, options.port || (await freePort(host)), options);
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.stop();
      const taken = (error as NodeJS.ErrnoException).code === "EADDRINUSE" || server.log.includes("already in use");
      if (options.port || attempt === PORT_ATTEMPTS || !taken) throw error;
    }
  }
}

/** Servers that were not stopped: they end with the process, by this handler or by their guard. */
const started = new Set<Server>();
const endAll = (): void => {
  for (const server of started) server.abandon();
};

/** A later `stop()` or `kill()` made the operation pointless. */
class Overtaken extends Error {}

class Server implements RedisServer {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  readonly path: string | undefined;
  readonly tls: Certificate | undefined;
  readonly #binary: string;
  readonly #dir = mkdtempSync(join(tmpdir(), "edgis-redis-"));
  #args: readonly string[];
  #guard: Guard | undefined;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #running = false;
  #starting = false;
  #log = "";
  /** Resolves when the last operation, and all before it, have settled. */
  #turn: Promise<unknown> = Promise.resolve();
  /** How often the server was ended, and by which call last; a start that was asked for earlier is off. */
  #ends = 0;
  #endedBy = "";

  constructor(binary: string, host: string, port: number, { args = [], socket, tls }: RedisOptions) {
    this.#binary = binary;
    this.host = host;
    this.port = port;
    this.#args = args;
    this.path = socket ? join(this.#dir, "redis.sock") : undefined;
    this.tls = tls ? selfSigned() : undefined;
    const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    this.url = this.path === undefined ? `redis${tls ? "s" : ""}://${address}` : `unix://${this.path}`;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get running(): boolean {
    return this.#running;
  }

  get log(): string {
    return this.#log;
  }

  /** Starts the process and resolves when it answers; a process that does not answer is ended. */
  start(): Promise<void> {
    return this.#next((call) => this.#start(call));
  }

  /** Runs operations one after the other: two at once would each start a process, and keep track of one. */
  #next(operation: (call: number) => Promise<void>): Promise<void> {
    const call = this.#ends;
    const turn = this.#turn.then(() => operation(call));
    const told = turn.then();
    this.#turn = turn.catch((error) => {
      // The caller who ended the server needs no rejection.
      if (error instanceof Overtaken) told.catch(() => {});
    });
    return told;
  }

  #stillWanted(call: number): void {
    if (call !== this.#ends) throw new Overtaken(`the server was ended by ${this.#endedBy} before it answered`);
  }

  /** Cancels a start that is under way. */
  #overtake(by: string): void {
    this.#ends += 1;
    this.#endedBy = by;
    if (this.#starting) this.#signal("SIGKILL");
  }

  async #start(call: number): Promise<void> {
    this.#log = "";
    // Otherwise another listener on that port would answer in the server's place.
    await listened(this.host, this.port);
    this.#stillWanted(call);
    this.#starting = true;
    try {
      await this.#spawned();
    } catch (error) {
      await this.#end("SIGKILL");
      this.#stillWanted(call);
      throw error;
    } finally {
      this.#starting = false;
    }
    this.#stillWanted(call);
  }

  async #spawned(): Promise<void> {
    mkdirSync(this.#dir, { recursive: true });
    if (started.size === 0) process.once("exit", endAll);
    started.add(this);
    this.#guard ??= new Guard(this.#dir);
    const child = spawn(this.#binary, this.#arguments(), { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    this.#running = child.pid !== undefined;
    this.#guard.watch(child.pid);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => this.#print(String(chunk)));
      // A test that forgets its server still ends.
      (stream as unknown as Socket).unref?.();
    }
    // Deno's unref throws if there is no process.
    if (child.pid !== undefined) child.unref();
    this.#ended = new Promise<void>((resolve) => {
      child.once("exit", () => resolve());
      child.once("error", (error: NodeJS.ErrnoException) => {
        const { code, message } = error;
        this.#print(`${this.#binary} ${code === "ENOENT" ? "is not there" : `cannot be run: ${message}`}. ${INSTALL}`);
        resolve();
      });
    }).then(() => {
      this.#running = false;
      this.#guard?.watch(undefined);
    });
    await this.#answering();
  }

  #arguments(): string[] {
    const { host, port, path, tls } = this;
    const args = ["--bind", host, "--dir", this.#dir, "--save", "", "--appendonly", "no"];
    if (tls === undefined) args.push("--port", String(port));
    else {
      for (const name of ["ca", "cert", "key"] as const) {
        const file = join(this.#dir, `${name}.pem`);
        writeFileSync(file, tls[name], { mode: 0o600 });
        args.push(`--tls-${name}${name === "ca" ? "-cert" : ""}-file`, file);
      }
      args.push("--port", "0", "--tls-port", String(port), "--tls-auth-clients", "optional");
    }
    if (path !== undefined) args.push("--unixsocket", path);
    return [...args, ...this.#args];
  }

  #print(text: string): void {
    this.#log = (this.#log + text).slice(-LOG);
  }

  /** Resolves when the server answers PING, also with an error: a server that wants a password is up. */
  async #answering(): Promise<void> {
    const begun = now();
    let limit = STARTUP;
    do {
      const answer = await this.#ping();
      if (/^(\+PONG|-(?!LOADING))/.test(answer)) return;
      if (answer.startsWith("-LOADING")) limit = LOADING;
      await sleep(PING_INTERVAL);
    } while (this.#running && now() - begun < limit);
    throw new Error(`redis-server did not start on port ${this.port}: ${this.#failure(limit)}`);
  }

  /** Why it does not answer. */
  #failure(limit: number): string {
    const printed = this.#log.trim();
    const { exitCode = null, signalCode = null, pid } = this.#child ?? {};
    if (pid === undefined) return printed;
    const ended = signalCode === null ? `exit code ${exitCode}` : signalCode;
    const happened = this.#running
      ? `it ${limit === LOADING ? "was still loading its data" : "did not answer"} after ${limit / 1_000} s`
      : `it ended with ${ended}`;
    const isRedis = /redis|valkey/i.test(printed.replaceAll(this.#binary, "")) || limit === LOADING;
    const guess = isRedis ? "" : `. ${this.#binary} seems to be no redis-server`;
    return `${happened}${guess}. It printed ${printed === "" ? "nothing" : `:\n${printed}`}`;
  }

  /** The first bytes of the answer to an inline PING; "" when there is no connection or no answer. */
  #ping(): Promise<string> {
    const { host, port, tls } = this;
    return new Promise((resolve) => {
      const speak = (): void => void socket.write("PING\r\n");
      const socket: Socket =
        tls === undefined ? connectTcp({ host, port }, speak) : connectTls({ host, port, ...tls }, speak);
      const done = (answer: string): void => {
        cancel();
        socket.destroy();
        resolve(answer);
      };
      const cancel = later(() => done(""), PING_TIMEOUT);
      socket.on("error", () => done(""));
      socket.on("close", () => done(""));
      socket.on("data", (chunk) => done(String(chunk)));
    });
  }

  stop(): Promise<void> {
    this.#overtake("stop()");
    return this.#next(async () => {
      await this.#end("SIGTERM");
      rmSync(this.#dir, { recursive: true, force: true });
      this.#guard?.dismiss();
      this.#guard = undefined;
      this.#forget();
    });
  }

  kill(): Promise<void> {
    this.#overtake("kill()");
    // Also one that is being ended in good order.
    this.#signal("SIGKILL");
    return this.#next(() => this.#end("SIGKILL"));
  }

  restart(options: RestartOptions = {}): Promise<void> {
    return this.#next(async (call) => {
      checkOptions("restart()", options, { args: redisOptions.args });
      this.#stillWanted(call);
      await this.#end("SIGTERM");
      this.#stillWanted(call);
      this.#args = options.args ?? this.#args;
      await this.#start(call);
    });
  }

  pause(): void {
    this.#signal("SIGSTOP");
  }

  resume(): void {
    this.#signal("SIGCONT");
  }

  /** Not by the child's own `kill`: on Deno that sends one signal only, and a server that was paused would not end. */
  #signal(name: NodeJS.Signals): void {
    try {
      if (this.#running) process.kill(this.pid, name);
    } catch {
      // It has just ended.
    }
  }

  async #end(how: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (!this.#running || child === undefined) return this.#ended;
    // Keeps the process alive while its end is awaited.
    child.ref();
    this.#signal(how);
    // A frozen process takes no other signal than SIGKILL before it goes on.
    this.#signal("SIGCONT");
    const cancel = later(() => this.#signal("SIGKILL"), SHUTDOWN);
    await this.#ended;
    cancel();
  }

  /** For the exit handler, which cannot wait. */
  abandon(): void {
    this.#guard?.abandon();
    this.#signal("SIGKILL");
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #forget(): void {
    started.delete(this);
    if (started.size === 0) process.off("exit", endAll);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
