/** The options of `createClient`. */
import type { ObjectChoice, ObjectNamespace, ObjectStub } from "../object/via.js";
import type { Credentials, TlsOptions } from "../transport/security.js";
import type { Duration } from "./duration.js";

/** `console`, pino, or any object with these methods. */
export interface Logger {
  info(line: string): void;
  warn(line: string): void;
}

/**
 * Settings of a client. All are optional, and `undefined` means not given, except for `url` (and for `via`, if a Worker
 * has no `url` either). `createClient` never throws: mistakes become the status `disabled`, reason `bad-option`.
 */
export interface ClientOptions {
  /**
   * `redis[s]://[user:password@]host[:port][/db]` or `unix:///path`, or a function that returns it at first use. Without
   * the property, `REDIS_URI` and then `REDIS_URL` of the environment are read; an explicit `undefined` reads neither.
   * With no URL the client is disabled, reason `unconfigured`; it never falls back to localhost.
   */
  url?: string | URL | (() => string | URL | undefined) | undefined;
  /**
   * On Cloudflare Workers, instead of a URL: the binding of a Durable Object class that extends `RedisObject` of
   * `edgis/durable-object`, one of its objects, a choice among them, or a function that returns one of these at first
   * use in each request. All requests share the connection that the object holds.
   */
  via?: ObjectNamespace | ObjectStub | ObjectChoice | (() => ObjectNamespace | ObjectStub | ObjectChoice) | undefined;
  /**
   * Names the target: all clients with this id share one link, whatever their other options. If they name two servers, the
   * first one is used and the log warns.
   */
  id?: string | undefined;
  /** The client's name in `CLIENT LIST`. */
  name?: string | undefined;
  /** Overrides the user of the URL. */
  username?: string | undefined;
  /** Overrides the password of the URL. */
  password?: string | undefined;
  /**
   * Returns the credentials of each dial, for secrets that rotate. Two functions may stand for two users, so each makes a
   * target of its own, with its own connection: where bundlers copy the module, give an `id` as well.
   */
  credentials?: (() => Credentials | Promise<Credentials>) | undefined;
  /** Overrides the database of the URL. */
  db?: number | undefined;
  /** Turns TLS on, as `rediss://` does: `true`, or settings (`{}` for the defaults). */
  tls?: boolean | TlsOptions | undefined;
  /** Which addresses of a name are used. Default 0: all, alternating between the families. */
  family?: 0 | 4 | 6 | "0" | "4" | "6" | undefined;
  /** 3 (default) or 2. */
  protocol?: 2 | 3 | undefined;
  /** `"bigint"` makes every integer of a reply a bigint. Default `"number"`: bigint only beyond 2⁵³ − 1. */
  integers?: "number" | "bigint" | undefined;
  timeouts?: Timeouts | undefined;
  /**
   * Closes a connection that was unused for this long; the next command dials. Default: it is kept. For hosts that
   * suspend functions, whose connections would count against `maxclients` meanwhile. At most a day. Among clients that
   * share a target, the first one decides.
   */
  idleTimeout?: Duration | undefined;
  /** `"reject"` (default): while the target is disabled commands reject at once. `"wait"`: they wait for a link. */
  offline?: "reject" | "wait" | undefined;
  retry?:
    | {
        /** Upper bound of the random wait after the first failed dial; it doubles with each further one. Default 50 ms. */
        base?: Duration | undefined;
        /** Limit of that bound. Default 2 s. */
        cap?: Duration | undefined;
      }
    | undefined;
  limits?: Limits | undefined;
  /** Gets one line for each state change; `false` for silence. Default `console`, on standard error where there is one. */
  logger?: Logger | false | undefined;
  /**
   * `true`: the `stack` of a command's error names the line that called it. This costs each call about 3 µs, several times
   * what a call costs otherwise. Default `false`.
   */
  stacks?: boolean | undefined;
  /** `false`: a link that no other client uses. Default `true`. */
  share?: boolean | undefined;
}

/** Time limits. More than 12 days count as 12 days. */
export interface Timeouts {
  /** For a dial over all addresses, TLS and handshake included, and for a command's wait for it. Default 2 s. */
  connect?: Duration | undefined;
  /** For a command, from its call, or from when there is a connection, to its reply. Default 1 s. */
  command?: Duration | undefined;
}

/** Limits of memory. */
export interface Limits {
  /** Commands that may wait for a link. Default 10,000; more are rejected at once. */
  staged?: number | undefined;
  /** Bytes of commands that may wait for a link. Default 16 MiB. */
  stagedBytes?: number | undefined;
  /** Commands that may be written and not answered. Default 1,000,000; more are rejected at once. */
  pending?: number | undefined;
  /** Bytes of the longest string in a reply. Default 512 MiB, the server's own limit. */
  bulk?: number | undefined;
  /** Nesting depth of a reply. Default and maximum: 64. */
  nesting?: number | undefined;
}
