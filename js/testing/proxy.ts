/** A TCP proxy that fails on demand, to stand before a real server. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { checkFault, checkOptions, isDelay, isHost, isPort, type Rule, shown } from "./checks.js";
import type { Fault, ProxiedConnection, Script } from "./faults.js";
import { Pump } from "./flow.js";
import { later } from "./time.js";

/** How long to wait for a peer to close in turn, in milliseconds. */
const CLOSING = 1_000;

/** Options of `faultProxy`; all are optional. */
export interface FaultProxyOptions {
  /** The address to listen on, as in `::1`. Default `127.0.0.1`. */
  host?: string | undefined;
  /** Default: a free one. */
  port?: number | undefined;
  /** Faults of connections from the start: see `script` of the proxy. */
  script?: Script;
}

/**
 * A proxy before a server. Each method that returns a promise resolves once the change is in force; several need not be
 * awaited one by one, the last one counts. A fault that makes no sense is a `TypeError`, and changes nothing.
 */
export interface FaultProxy extends AsyncDisposable {
  /** The target's URL with host and port of the proxy in their place; credentials, database and TLS stay. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Connections of clients that are open now. */
  readonly connections: number;
  /** Connections of clients so far. */
  readonly accepted: number;
  /** Errors that script functions threw, and mistakes in the faults they returned; their connections were reset. */
  readonly errors: readonly Error[];

  /** As if the server were gone: open connections are closed, new ones are refused. */
  down(): Promise<void>;
  /** Delays all replies, also those under way, by this many milliseconds. */
  slow(milliseconds: number): Promise<void>;
  /** Open connections are closed, new ones are accepted and closed at once, as by a container's port forwarding. */
  acceptThenClose(): Promise<void>;
  /** Connections are accepted and stay open, and nothing passes; `heal()` lets the held-back bytes flow. */
  hang(): Promise<void>;
  /** Resets all open connections, once; what happens to new ones does not change. */
  reset(): Promise<void>;
  /** Ends all faults. Connections that have lost bytes (`"drop"`) are reset, since no network mends those. */
  heal(): Promise<void>;

  /**
   * Sets the fault of each new connection, replacing the one before; open connections are left alone.
   *
   * ```js
   * await proxy.script(({ number }) => (number === 1 ? { toClient: { after: 20, do: "reset" } } : undefined));
   * ```
   *
   * The target is connected when the first byte is passed on to it: `{ toServer: { do: "drop" } }` is a peer that
   * accepts and hangs, `{ toClient: { do: { say: "HTTP/1.1 400 Bad Request\r\n\r\n" } }, toServer: { do: "drop" } }`
   * one that speaks something else.
   */
  script(script: Script): Promise<void>;
  /** Sets the fault of the connections that are open now; counts of bytes begin anew. Returns how many there are. */
  strike(fault: Fault): number;
  /**
   * Closes everything.
   *
   * @throws (as a rejection, when all is closed) the first of `errors`, so that a mistake in a script is not taken for a
   * fault; needs no listener
   */
  close(): Promise<void>;
}

/**
 * Starts a proxy before a server. It does not keep the process alive.
 *
 * @param target where to: the URL of a server (`redis[s]://` or `unix://`), or a port on 127.0.0.1. It need not be up:
 * a connection that cannot be passed on is reset
 * @throws (as a rejection) TypeError when target, options or script make no sense; when it cannot listen
 */
export async function faultProxy(target: string | URL | number, options: FaultProxyOptions = {}): Promise<FaultProxy> {
  checkOptions("faultProxy()", options, proxyOptions);
  checkScript("faultProxy()", options.script);
  const proxy = new Relay(target, options);
  await proxy.open();
  return proxy;
}

const proxyOptions: Record<string, Rule> = { host: isHost, port: isPort, script: { is: () => true, must: "" } };

function checkScript(what: string, script: unknown): void {
  if (script !== undefined && typeof script !== "function") checkFault(what, script);
}

const stalled: Fault = { toServer: { do: "stall" }, toClient: { do: "stall" } };

class Relay implements FaultProxy {
  readonly host: string;
  readonly #target: URL;
  readonly #where: { host: string; port: number } | { path: string };
  #port: number;
  #script: Script;
  #server: Server | undefined;
  #listening: Promise<void> | undefined;
  readonly #open = new Set<Connection>();
  #accepted = 0;
  readonly #errors: Error[] = [];

  constructor(target: string | URL | number, { host = "127.0.0.1", port = 0, script }: FaultProxyOptions) {
    this.#target = urlOf(target);
    this.#where = whereOf(this.#target);
    this.host = host;
    this.#port = port;
    this.#script = script;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    const url = new URL(this.#target);
    const address = `${this.host.includes(":") ? `[${this.host}]` : this.host}:${this.#port}`;
    if (isUnix(url)) return `redis://${address}${url.search}`;
    url.host = address;
    return url.href;
  }

  get connections(): number {
    return [...this.#open].filter((connection) => connection.isOpen).length;
  }

  get accepted(): number {
    return this.#accepted;
  }

  get errors(): readonly Error[] {
    return this.#errors;
  }

  /** Listens, unless it does already. */
  open(): Promise<void> {
    this.#listening ??= new Promise((resolve, reject) => {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
      this.#server = server;
      server.unref();
      server.once("error", reject);
      // One that is closed before it listens never does.
      server.once("close", resolve);
      server.listen(this.#port, this.host, () => {
        this.#port = (server.address() as AddressInfo).port;
        resolve();
      });
    });
    return this.#listening;
  }

  #shut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#listening = undefined;
    return new Promise((resolve) => {
      if (server === undefined) resolve();
      else server.close(() => resolve());
    });
  }

  #accept(client: Socket): void {
    this.#accepted += 1;
    const dial = (): Socket => connect({ ...this.#where, allowHalfOpen: true, noDelay: true });
    const connection = new Connection(this.#accepted, client, dial, () => this.#open.delete(connection));
    this.#open.add(connection);
    const fault = this.#faultOf(connection);
    connection.begin(fault ?? {});
    if (fault === undefined) connection.cut("reset");
  }

  /** The script's fault for a connection; undefined if the script fails, which must not end the process. */
  #faultOf(connection: ProxiedConnection): Fault | undefined {
    const script = this.#script;
    if (typeof script !== "function") return script ?? {};
    try {
      const fault: unknown = script(connection) ?? {};
      if (fault instanceof Promise) {
        fault.catch(() => {});
        throw new TypeError("script: the function must give its fault at once, not a promise");
      }
      checkFault("script", fault);
      return fault;
    } catch (error) {
      this.#errors.push(error instanceof Error ? error : new Error(`the script threw ${String(error)}`));
      return undefined;
    }
  }

  async down(): Promise<void> {
    void this.#shut();
    for (const connection of this.#open) connection.cut("close");
  }

  async slow(milliseconds: number): Promise<void> {
    if (!isDelay.is(milliseconds)) throw new TypeError(`slow() takes a number of milliseconds from 0`);
    return this.#be({ toClient: { delay: milliseconds } });
  }

  acceptThenClose(): Promise<void> {
    return this.#be({ toClient: { do: "close" } });
  }

  hang(): Promise<void> {
    return this.#be(stalled);
  }

  /** For open and for new connections. */
  #be(fault: Fault): Promise<void> {
    this.strike(fault);
    return this.script(fault);
  }

  async reset(): Promise<void> {
    for (const connection of this.#open) connection.cut("reset");
  }

  heal(): Promise<void> {
    for (const connection of this.#open) connection.heal();
    return this.script(undefined);
  }

  async script(script: Script): Promise<void> {
    checkScript("script()", script);
    this.#script = script;
    return this.open();
  }

  strike(fault: Fault): number {
    checkFault("strike()", fault);
    const struck = [...this.#open].filter((connection) => connection.isOpen);
    for (const connection of struck) connection.follow(fault);
    return struck.length;
  }

  close(): Promise<void> {
    const closed = this.#shut();
    for (const connection of this.#open) connection.destroy();
    const told = closed.then(() => {
      const [error] = this.#errors;
      if (error !== undefined) throw error;
    });
    told.catch(() => {});
    return told;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const isUnix = (url: URL): boolean => /unix:$/.test(url.protocol);

/** Does not repeat the text in its error: there may be a password in it. */
function urlOf(target: unknown): URL {
  const given =
    typeof target === "string" && target !== ""
      ? "a text that is no such URL"
      : target instanceof URL
        ? "another URL"
        : shown(target);
  const wrong = new TypeError(
    `faultProxy() takes the URL of a Redis server, as in redis://127.0.0.1:6379, or a port from 1 to 65535, not ${given}`,
  );
  if (typeof target === "number") {
    if (target === 0 || !isPort.is(target)) throw wrong;
    return new URL(`redis://127.0.0.1:${target}`);
  }
  if ((typeof target !== "string" && !(target instanceof URL)) || !URL.canParse(String(target))) throw wrong;
  const url = new URL(target);
  const isTcp = /^(?:redis|valkey)s?:$/.test(url.protocol) && url.hostname !== "" && url.port !== "0";
  if (!isTcp && !isUnix(url)) throw wrong;
  return url;
}

function whereOf(url: URL): { host: string; port: number } | { path: string } {
  if (isUnix(url)) return { path: decodeURIComponent(url.pathname) };
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port || 6379) };
}

/** A client's connection and the way on to the server, which is dialled when there is something to pass on. */
class Connection implements ProxiedConnection {
  readonly number: number;
  readonly #client: Socket;
  readonly #dial: () => Socket;
  readonly #gone: () => void;
  readonly #toServer: Pump;
  readonly #toClient: Pump;
  #server: Socket | undefined;
  #isCut = false;

  /** `gone` is called once neither side is open. */
  constructor(number: number, client: Socket, dial: () => Socket, gone: () => void) {
    this.number = number;
    this.#client = client;
    this.#dial = dial;
    this.#gone = gone;
    const cut = (how: "close" | "reset"): void => this.cut(how);
    this.#toServer = new Pump({
      destination: () => this.#server ?? this.#connect(),
      finish: () => (this.#server === undefined ? this.cut("close") : this.#server.end()),
      cut,
    });
    this.#toClient = new Pump({ destination: () => client, finish: () => client.end(), cut });
  }

  begin(fault: Fault): void {
    this.#adopt(this.#client);
    this.follow(fault);
    this.#toServer.attach(this.#client);
  }

  #connect(): Socket {
    const server = this.#dial();
    this.#server = server;
    this.#adopt(server);
    this.#toClient.attach(server);
    return server;
  }

  #adopt(socket: Socket): void {
    socket.unref();
    socket.on("error", () => {});
    socket.on("close", () => {
      if (!this.isOpen && this.#server?.closed !== false) this.#gone();
    });
  }

  /** As the client sees it. */
  get isOpen(): boolean {
    return !this.#client.closed;
  }

  follow({ toServer = {}, toClient = {} }: Fault): void {
    if (this.#isCut) return;
    this.#toServer.follow(toServer);
    this.#toClient.follow(toClient);
  }

  heal(): void {
    if (this.#toServer.isBroken || this.#toClient.isBroken) this.cut("reset");
    else this.follow({});
  }

  cut(how: "close" | "reset"): void {
    const again = this.#isCut;
    this.#isCut = true;
    this.#toServer.stop();
    this.#toClient.stop();
    for (const socket of [this.#client, this.#server]) {
      if (socket === undefined) continue;
      if (how === "reset") reset(socket);
      else if (!again) {
        socket.end();
        later(() => socket.destroy(), CLOSING);
      }
    }
  }

  destroy(): void {
    this.cut("close");
    this.#client.destroy();
    this.#server?.destroy();
  }
}

/** Resets a socket, or closes it at once: Unix sockets have no reset, and not every runtime offers one. */
function reset(socket: Socket): void {
  const isTcp = socket.remoteAddress !== undefined;
  // Nor does a socket that is still saying that it has ended; Node would forget to close it, and spin at exit.
  const isEnding = socket.writableEnded && !socket.writableFinished;
  if (socket.connecting || isEnding || !isTcp || typeof socket.resetAndDestroy !== "function") socket.destroy();
  else socket.resetAndDestroy();
}
