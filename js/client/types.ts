/** The options of `createClient`. */
import type { ObjectChoice, ObjectNamespace, ObjectStub } from "../object/via.js";
import type { Credentials, TlsOptions } from "../transport/security.js";
import type { Duration } from "./duration.js";

/** `console`, pino, or whatever has these methods. */
export interface Logger {
  info(line: string): void;
  warn(line: string): void;
}

/**
 * Settings of a client. All are optional, and but for `url` `undefined` is the same as none, as it is for `via` unless a
 * Worker has no `url` either; none makes `createClient` throw: mistakes become the status `bad-option`.
 */
export interface ClientOptions {
  /**
   * `redis[s]://[user:password@]host[:port][/db]` or `unix:///path`, or a function that gives it at first use. Without
   * the property, `REDIS_URI` and then `REDIS_URL` of the environment are read; `undefined` reads nothing. With no URL
   * the client is disabled, reason `unconfigured`; localhost is never dialled unasked.
   */
  url?: string | URL | (() => string | URL | undefined) | undefined;
  /**
   * On Cloudflare Workers, in place of a URL: the binding of a Durable Object class that extends `RedisObject` of
   * `edgis/durable-object`, one of its objects, a choice among them, or a function that gives one of these at first use
   * in each request. All requests share the connection that the object holds.
   */
  via?: ObjectNamespace | ObjectStub | ObjectChoice | (() => ObjectNamespace | ObjectStub | ObjectChoice) | undefined;
  /**
   * Names the target: all clients with this id share one link, whatever their other options. One id for two servers is a
   * warning in the log: the first decides.
   */
  id?: string | undefined;
  /** The client's name in `CLIENT LIST`. */
  name?: string | undefined;
  /** Overrides the user of the URL. */
  username?: string | undefined;
  /** Overrides the password of the URL. */
  password?: string | undefined;
  /**
   * Gives the credentials of each dial, for secrets that rotate. Two functions may stand for two users, so each is a target of
   * its own, with a connection of its own: in copies of a module, as bundlers make them, give an `id` as well.
   */
  credentials?: (() => Credentials | Promise<Credentials>) | undefined;
  /** Overrides the database of the URL. */
  db?: number | undefined;
  /** `true` or settings, also none of them (`{}`), turn TLS on, as `rediss://` does. */
  tls?: boolean | TlsOptions | undefined;
  /** Which addresses of a name are used. Default 0: all, both families in turns. */
  family?: 0 | 4 | 6 | "0" | "4" | "6" | undefined;
  /** 3 (default) or 2. */
  protocol?: 2 | 3 | undefined;
  /** Integers of replies as bigint, all of them. Default `"number"`: bigint only beyond 2⁵³ − 1. */
  integers?: "number" | "bigint" | undefined;
  timeouts?: Timeouts | undefined;
  /**
   * Closes a connection that nothing has used for so long; the next command dials. Default: it is kept. For hosts that
   * suspend functions, whose connections would count against `maxclients` meanwhile. At most a day; of a target that
   * several clients share the first decides.
   */
  idleTimeout?: Duration | undefined;
  /** `"reject"` (default): while the target is disabled commands reject at once. `"wait"`: they wait for a link. */
  offline?: "reject" | "wait" | undefined;
  retry?:
    | {
        /** First bound of the random wait after a failed dial; it doubles with each. Default 50 ms. */
        base?: Duration | undefined;
        /** Last bound. Default 2 s. */
        cap?: Duration | undefined;
      }
    | undefined;
  limits?: Limits | undefined;
  /** Gets one line a state change; `false` for silence. Default `console`, by way of standard error where there is one. */
  logger?: Logger | false | undefined;
  /**
   * `true`: the `stack` of what a command rejects with names the line that called it, instead of none. It costs each call
   * some 3 µs, several times what a call costs otherwise. Default `false`.
   */
  stacks?: boolean | undefined;
  /** `false`: a link of one's own. Default `true`. */
  share?: boolean | undefined;
}

/** Budgets of time. More than 12 days count as 12 days. */
export interface Timeouts {
  /** Of a dial over all its addresses, TLS and handshake included, and of a command's wait for it. Default 2 s. */
  connect?: Duration | undefined;
  /** Of a command, from when it is written to its reply. Default 1 s. */
  command?: Duration | undefined;
}

/** Bounds on what is held in memory. */
export interface Limits {
  /** Commands that may wait for a link. Default 10,000; more are rejected at once. */
  staged?: number | undefined;
  /** Bytes of commands that may wait for a link. Default 16 MiB. */
  stagedBytes?: number | undefined;
  /** Commands that may be written and not answered. Default 1,000,000; more are rejected at once. */
  pending?: number | undefined;
  /** Bytes of one string in a reply. Default 512 MiB, the server's own limit. */
  bulk?: number | undefined;
  /** Nesting of a reply. Default 64, which is also the most. */
  nesting?: number | undefined;
}
