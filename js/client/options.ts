/** What the options of `createClient` come to, or what is wrong with them. */
import { UsageError } from "../core/errors.js";
import { nearest } from "../core/near.js";
import type { TargetSettings } from "../loop/target.js";
import type { Take } from "../reply/build.js";
import type { Runtime, Via } from "../transport/types.js";
import type { CallOptions, CloseOptions, HandleOptions } from "./api.js";
import { milliseconds } from "./duration.js";
import { TAKE, type Taking } from "./inside.js";
import type { ClientOptions, Logger } from "./types.js";

const known: Record<string, readonly string[] | undefined> = {
  url: undefined,
  via: undefined,
  id: undefined,
  name: undefined,
  username: undefined,
  password: undefined,
  credentials: undefined,
  db: undefined,
  tls: ["ca", "cert", "key", "servername", "rejectUnauthorized"],
  family: undefined,
  protocol: undefined,
  integers: undefined,
  timeouts: ["connect", "command"],
  idleTimeout: undefined,
  offline: undefined,
  retry: ["base", "cap"],
  limits: ["staged", "stagedBytes", "pending", "bulk", "nesting"],
  logger: undefined,
  share: undefined,
};

/** Settings of one handle. */
export interface HandleSettings {
  connect: number;
  command: number;
  waits: boolean;
  mode: number;
  take: Take | undefined;
  logger: Logger | undefined;
  /** Of each call, in milliseconds. */
  timeout: number | undefined;
  signal: AbortSignal | undefined;
}

/** What options come to. */
export interface Settings {
  readonly target: TargetSettings;
  /** Equal for equal targets; its second line is what the core does not know of. */
  readonly key: string;
  /** What the first handle of a target decides for all. */
  readonly link: string;
  readonly share: boolean;
}

const ofHandles = ["timeouts", "offline", "integers", "logger", "timeout", "signal"];

/** The first mistake in the options of `with`. */
export function handleProblem(options: HandleOptions): string | undefined {
  try {
    if (typeof options !== "object" || options === null) return "with takes an object of options";
    for (const key of Object.keys(options)) if (!ofHandles.includes(key)) return unknown(key, ofHandles, "");
    const { timeout, signal, ...others } = options;
    if (timeout !== undefined && milliseconds(timeout) === undefined) return notDuration("timeout");
    if (signal !== undefined && typeof signal?.addEventListener !== "function") return "signal must be an AbortSignal";
    return problemOf(others);
  } catch (error) {
    return unreadable(error);
  }
}

/** Whether there is nothing in the options of `with` that makes a handle of its own. */
export function isForCallsOnly(options: HandleOptions): boolean {
  return Object.keys(options).every((key) => key === "timeout" || key === "signal");
}

/** What a handle differs in from others of its target. Falls back to `base`, silently: others name mistakes. */
export function handleSettings(options: ClientOptions & CallOptions, base: HandleSettings): HandleSettings {
  try {
    return readHandleSettings(options, base);
  } catch {
    // Options may be anything, also something that throws when it is read.
    return base;
  }
}

function readHandleSettings(options: ClientOptions & CallOptions, base: HandleSettings): HandleSettings {
  // Whatever it is: `settingsOf` says what is wrong with it, at first use.
  const { timeouts, offline, integers, logger, timeout, signal } = Object(options) as ClientOptions & CallOptions;
  return {
    connect: milliseconds(timeouts?.connect) ?? base.connect,
    command: milliseconds(timeouts?.command) ?? base.command,
    waits: offline === undefined ? base.waits : offline === "wait",
    mode: integers === undefined ? base.mode : integers === "bigint" ? base.mode | 2 : base.mode & ~2,
    take: (options as Taking)?.[TAKE] ?? base.take,
    logger: logger === undefined ? base.logger : logger === false ? undefined : logger,
    timeout: milliseconds(timeout) ?? base.timeout,
    signal: signal ?? base.signal,
  };
}

/** The settings that options mean. Reads the environment, so it is called at first use and not before. */
export function settingsOf(
  options: ClientOptions,
  handle: HandleSettings,
  runtime: Runtime,
  identify: (value: object) => number,
): Settings {
  let problem: string | undefined;
  try {
    problem = problemOf(options);
    if (problem === undefined) return validSettings(options, handle, runtime, identify);
  } catch (error) {
    problem = unreadable(error);
  }
  const core = { texts: [problem], numbers: [] };
  const target = { options: core, tls: undefined, family: 0, credentials: undefined } as const;
  return { target, key: `\n${JSON.stringify(problem)}`, link: "", share: Object(options).share !== false };
}

const unreadable = (error: unknown): string =>
  `the options cannot be read: ${error instanceof Error ? error.message : "something was thrown that is no error"}`;

const notDuration = (name: string): string =>
  `${name} must be a positive number of milliseconds or a duration like "500ms" or "2s"`;

function validSettings(
  options: ClientOptions,
  handle: HandleSettings,
  runtime: Runtime,
  identify: (value: object) => number,
): Settings {
  // Where an object can be had, a binding that is not there is a mistake, unless there is another way.
  const isMeant = options.via !== undefined || ("via" in options && !("url" in options) && runtime.via !== undefined);
  const via = isMeant ? viaOf(options, runtime, identify) : undefined;
  const url = via?.url ?? urlOf(options, runtime.env);
  const { retry, limits, credentials, id } = options;
  const tls = typeof options.tls === "object" && options.tls !== null ? options.tls : undefined;
  const texts = [undefined, url, options.username, options.password, options.name];
  const numbers = [
    options.db ?? -1,
    +(options.tls !== undefined && options.tls !== false),
    options.protocol ?? 0,
    +(typeof credentials === "function"),
    +(runtime.lookup !== undefined),
  ];
  const durations = [options.idleTimeout, retry?.base, retry?.cap].map((duration) => milliseconds(duration) ?? 0);
  const { staged = 0, stagedBytes = 0, pending = 0, bulk = 0, nesting = 0 } = limits ?? {};
  const link = [handle.connect, ...durations, staged, stagedBytes, pending, bulk, nesting];
  const family = Number(options.family ?? 0) as 0 | 4 | 6;
  const secrets =
    tls === undefined ? "" : JSON.stringify(tls, (_, value) => (value instanceof Uint8Array ? identify(value) : value));
  const source = typeof credentials === "function" ? identify(credentials) : 0;
  const beyond = JSON.stringify(id === undefined ? [family, source, secrets, via?.key] : { id });
  const own = id === undefined ? JSON.stringify([texts, numbers]) : `id ${id}`;
  return {
    target: { options: { texts, numbers: [...numbers, ...link] }, tls, family, credentials, via },
    key: `${own}\n${beyond}`,
    link: JSON.stringify(link),
    share: options.share !== false,
  };
}

function viaOf(options: ClientOptions, { via }: Runtime, identify: (value: object) => number): Via {
  if (via === undefined) throw new Error("via needs Cloudflare Workers: pass url instead");
  return via(options, identify);
}

function urlOf(options: ClientOptions, env: (name: string) => string | undefined): string | undefined {
  if (!("url" in options)) return env("REDIS_URI") || env("REDIS_URL");
  let { url } = options;
  if (typeof url === "function") {
    try {
      url = url();
    } catch (error) {
      throw new Error(
        `the url function threw: ${error instanceof Error ? error.message : "something that is no error"}`,
      );
    }
  }
  return url === undefined || url === null ? undefined : String(url);
}

/** The first mistake in the options, in a sentence without any value of them. */
function problemOf(options: ClientOptions): string | undefined {
  if (typeof options !== "object" || options === null) return "createClient takes an object of options";
  for (const [key, value] of Object.entries(options)) {
    if (!Object.hasOwn(known, key)) return unknown(key, Object.keys(known), "");
    const inner = known[key];
    if (inner === undefined || value === undefined || (key === "tls" && typeof value === "boolean")) continue;
    if (typeof value !== "object" || value === null) return `${key} must be an object`;
    for (const field of Object.keys(value)) if (!inner.includes(field)) return unknown(field, inner, `${key}.`);
  }
  const { timeouts, retry, limits, family, offline, integers, credentials, db } = options;
  const durations = {
    "timeouts.connect": timeouts?.connect,
    "timeouts.command": timeouts?.command,
    idleTimeout: options.idleTimeout,
    "retry.base": retry?.base,
    "retry.cap": retry?.cap,
  };
  for (const [name, value] of Object.entries(durations)) {
    if (value !== undefined && milliseconds(value) === undefined) return notDuration(name);
  }
  for (const [name, value] of Object.entries(limits ?? {})) {
    if (value !== undefined && !(typeof value === "number" && value >= 1))
      return `limits.${name} must be a number from 1`;
  }
  const { logger } = options;
  const logs =
    logger !== undefined && logger !== false && typeof logger.info === "function" && typeof logger.warn === "function";
  if (logger !== undefined && logger !== false && !logs)
    return "logger must have the methods info and warn, or be false";
  if (family !== undefined && ![0, 4, 6].includes(Number(family))) return "family must be 4, 6 or 0";
  if (offline !== undefined && offline !== "reject" && offline !== "wait") return 'offline must be "reject" or "wait"';
  if (integers !== undefined && integers !== "number" && integers !== "bigint")
    return 'integers must be "number" or "bigint"';
  if (credentials !== undefined && typeof credentials !== "function") return "credentials must be a function";
  if (db !== undefined && !(Number.isInteger(db) && db >= 0 && db < 2 ** 16)) return "db must be a whole number from 0";
  for (const name of ["id", "name", "username", "password"] as const) {
    if (options[name] !== undefined && typeof options[name] !== "string") return `${name} must be a string`;
  }
  if (options.protocol !== undefined && options.protocol !== 2 && options.protocol !== 3)
    return "protocol must be 2 or 3";
  return undefined;
}

/** The milliseconds that closing may wait, if they are given; an error for what is no duration. */
export function drainLimit(options: CloseOptions): number | UsageError | undefined {
  // Whatever a callback is given that closes a client.
  const { drain } = Object(options) as CloseOptions;
  if (drain === 0 || drain === undefined) return drain;
  return milliseconds(drain) ?? new UsageError(`close(): ${notDuration("drain")}`, "close");
}

function unknown(name: string, names: readonly string[], prefix: string): string {
  const near = nearest(name, names);
  const shown = /^\w{1,40}$/.test(name) ? name : "?";
  return `unknown option ${prefix}${shown}${near === undefined ? "" : `; did you mean ${prefix}${near}?`}`;
}
