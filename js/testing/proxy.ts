/** A TCP proxy that fails on demand, to stand before a real server. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { Fault, ProxiedConnection, Script } from "./faults.js";
import { Pump } from "./flow.js";
import { later } from "./time.js";

/** A peer that does not close in turn is not waited for longer. */
const CLOSING = 1_000;

/** What `faultProxy` takes besides its target; all of it is optional. */
export interface FaultProxyOptions {
  /** The address to listen on, as in `::1`. Default `127.0.0.1`. */
  host?: string;
  /** Default: a free one. */
  port?: number;
  /** What happens to connections from the start: see `script` of the proxy. */
  script?: Script;
}

/**
 * A proxy before a server. Each method that returns a promise resolves once the change is in force; several need not be
 * awaited one by one, the last one counts.
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

  /** As if the server were gone: open connections are closed, new ones are refused. */
  down(): Promise<void>;
  /** All replies, also those under way, come so many milliseconds later. */
  slow(milliseconds: number): Promise<void>;
  /** Open connections are closed, new ones are accepted and closed at once, as by a container's port forwarding. */
  acceptThenClose(): Promise<void>;
  /** Connections are accepted and stay open, and nothing passes; after `heal()` what was held back flows. */
  hang(): Promise<void>;
  /** Resets all open connections, once; what happens to new ones does not change. */
  reset(): Promise<void>;
  /** All is well again. Connections that have lost bytes (`"drop"`) are reset, since no network mends those. */
  heal(): Promise<void>;

  /**
   * What happens to each new connection, in place of what held before; open ones are left alone.
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
  /** What happens from now on to the connections that are open; counts of bytes begin anew. Gives how many it hit. */
  strike(fault: Fault): number;
  /** Closes everything. */
  close(): Promise<void>;
}

/**
 * Starts a proxy before a server. It does not keep the process alive.
 *
 * @param target where to: the URL of a server (`redis[s]://` or `unix://`), or a port on 127.0.0.1. It need not be up:
 * a connection that cannot be passed on is reset
 * @throws (as a rejection) when it cannot listen
 */
export async function faultProxy(target: string | URL | number, options: FaultProxyOptions = {}): Promise<FaultProxy> {
  const proxy = new Relay(target, options);
  await proxy.open();
  return proxy;
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

  constructor(target: string | URL | number, { host = "127.0.0.1", port = 0, script }: FaultProxyOptions) {
    const url = new URL(typeof target === "number" ? `redis://127.0.0.1:${target}` : target);
    this.#target = url;
    this.#where = whereOf(url);
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

  /** Listens, unless it does. */
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
    const script = this.#script;
    connection.begin((typeof script === "function" ? script(connection) : script) ?? {});
  }

  async down(): Promise<void> {
    void this.#shut();
    for (const connection of this.#open) connection.cut("close");
  }

  slow(milliseconds: number): Promise<void> {
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

  script(script: Script): Promise<void> {
    this.#script = script;
    return this.open();
  }

  strike(fault: Fault): number {
    const struck = [...this.#open].filter((connection) => connection.isOpen);
    for (const connection of struck) connection.follow(fault);
    return struck.length;
  }

  async close(): Promise<void> {
    const closed = this.#shut();
    for (const connection of this.#open) connection.destroy();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const isUnix = (url: URL): boolean => /unix:$/.test(url.protocol);

function whereOf(url: URL): { host: string; port: number } | { path: string } {
  if (isUnix(url)) return { path: decodeURIComponent(url.pathname) };
  if (!/^(?:redis|valkey)s?:$/.test(url.protocol) || url.hostname === "")
    throw new TypeError("faultProxy() takes the URL of a Redis server, as in redis://127.0.0.1:6379, or a port");
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

/** A Unix socket knows no reset, nor does every runtime: these are closed at once. */
function reset(socket: Socket): void {
  const isTcp = socket.remoteAddress !== undefined;
  if (socket.connecting || !isTcp || typeof socket.resetAndDestroy !== "function") socket.destroy();
  else socket.resetAndDestroy();
}
