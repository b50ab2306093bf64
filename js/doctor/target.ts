/** The parts of a URL that the core has accepted, and the options beside it: what the probes need to go the client's way. */
import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { milliseconds } from "../client/duration.js";
import type { ClientOptions } from "../client/types.js";
import type { TlsOptions } from "../transport/security.js";
import { dial, type Place, type Wire } from "./wire.js";

/** Where the client would go, and what it would say there. */
export interface Target {
  /** A name or address; absent for a Unix socket. */
  readonly host: string | undefined;
  readonly port: number;
  readonly path: string | undefined;
  readonly tls: TlsOptions | undefined;
  readonly family: 0 | 4 | 6;
  user: string;
  password: string | undefined;
  readonly db: number;
  readonly protocol: 2 | 3;
  /** Milliseconds. */
  readonly connect: number;
  readonly command: number;
}

/** The parameters of a URL that mean something. */
export const PARAMETERS = ["db", "database", "protocol", "tls", "ssl"];

/** Names and values of a URL's query. */
export function parametersOf(url: string): [string, string][] {
  const query = url.slice(url.indexOf("?") + 1 || url.length);
  return query.split("&").flatMap((pair) => {
    if (pair === "") return [];
    const [name = "", ...value] = pair.split("=");
    return [[name, value.join("=")] as [string, string]];
  });
}

/** Reads a URL that the core takes. It has no `/`, `?` or `@` where those would be ambiguous: the core has seen to that. */
export function readTarget(url: string, options: ClientOptions): Target {
  const [scheme = "", behind = ""] = cut(url, "://");
  const [rest = ""] = cut(behind, "?");
  const isUnix = /unix$/i.test(scheme);
  const slash = rest.indexOf("/");
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  const path = slash < 0 ? "" : rest.slice(slash);
  const at = authority.lastIndexOf("@");
  const [user, password] = at < 0 ? [] : cut(authority.slice(0, at), ":").map(decodeURIComponent);
  const parameters = new Map(parametersOf(url));
  const db = parameters.get("db") ?? parameters.get("database") ?? (isUnix ? "" : path.replaceAll("/", ""));
  const secure = /^(redis|valkey)s$/i.test(scheme) || (options.tls !== undefined && options.tls !== false);
  const { host, port } = isUnix ? { host: undefined, port: 0 } : hostOf(authority.slice(at + 1));
  const timeouts = options.timeouts ?? {};
  return {
    host,
    port,
    path: isUnix ? decodeURIComponent(path) : undefined,
    tls: secure ? (typeof options.tls === "object" ? options.tls : {}) : undefined,
    family: Number(options.family ?? 0) as 0 | 4 | 6,
    user: options.username ?? user ?? "",
    password: options.password ?? password,
    db: options.db ?? Number(db || 0),
    protocol: options.protocol ?? (parameters.get("protocol") === "2" ? 2 : 3),
    connect: milliseconds(timeouts.connect) ?? 2_000,
    command: milliseconds(timeouts.command) ?? 1_000,
  };
}

function hostOf(text: string): { host: string; port: number } {
  const bracketed = /^\[([^\]]*)\]:?(.*)$/.exec(text);
  const [host = "", port = ""] = bracketed === null ? cut(text, ":") : bracketed.slice(1);
  // A zone's '%' is written as it is or encoded (RFC 6874).
  const named = bracketed === null ? decodeURIComponent(host) : host.replace(/%(25(?=.))?/, "%");
  return { host: named, port: Number(port || 6379) };
}

function cut(text: string, at: string): string[] {
  const index = text.indexOf(at);
  return index < 0 ? [text] : [text.slice(0, index), text.slice(index + at.length)];
}

/** The settings of TLS, with the name that the certificate must carry: that of the URL, not the address behind it. */
export function connectionOptions({ host, tls = {} }: Target): ConnectionOptions {
  const name = tls.servername ?? host;
  // An address is no server name (RFC 6066, section 3), but a certificate may be for it.
  const servername = name === undefined || isIP(name.split("%")[0] as string) !== 0 ? undefined : name;
  return { ...tls, ...(servername === undefined ? {} : { servername }) } as ConnectionOptions;
}

/** The place of an address of the target. */
export function placeOf(target: Target, address: string | undefined): Place {
  if (target.path !== undefined) return { path: target.path };
  return { host: address ?? (target.host as string), port: target.port };
}

/** Longer than this no connection and no answer is waited for, whatever the client's budget, in milliseconds. */
const LONGEST = 3_000;

/** How long a connection or an answer of the target may take, in milliseconds. */
export const limitOf = ({ connect }: Target): number => Math.min(connect, LONGEST);

/** Connects to an address as the client would, with TLS where the target asks for it. Rejects with `Ended`. */
export const open = (target: Target, address: string | undefined, ms: number, lifetime?: number): Promise<Wire> =>
  dial(placeOf(target, address), ms, target.tls === undefined ? undefined : connectionOptions(target), lifetime);

/** The arguments of AUTH; undefined without a password. */
export const credentialsOf = ({ user, password }: Target): string[] | undefined =>
  password === undefined ? undefined : user === "" ? [password] : [user, password];

/** The same, authenticated where there is a password: what the server says to that shows at the next command. */
export async function openAs(
  target: Target,
  address: string | undefined,
  ms: number,
  lifetime?: number,
): Promise<Wire> {
  const wire = await open(target, address, ms, lifetime);
  const credentials = credentialsOf(target);
  if (credentials === undefined) return wire;
  try {
    await wire.ask(ms, "AUTH", ...credentials);
  } catch (error) {
    wire.close();
    throw error;
  }
  return wire;
}
