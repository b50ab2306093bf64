/** Resolves the options of `createClient`, or says what is wrong with them. */
import { messageOf, UsageError } from "../core/errors.js";
import { nearest, unknownOption } from "../core/near.js";
import { own } from "../core/own.js";
import type { TargetSettings } from "../loop/target.js";
import type { Take } from "../reply/build.js";
import type { Runtime } from "../transport/runtime.js";
import type { Via } from "../transport/stream.js";
import type { CallOptions, CloseOptions, HandleOptions } from "./api.js";
import { type Duration, milliseconds } from "./duration.js";
import { keyOfTls, placeOf } from "./identity.js";
import { TAKE, type Taking } from "./inside.js";
import type { ClientOptions, Logger } from "./types.js";

/** Options that are objects, with the names in them. */
const inner: Readonly<Record<string, readonly string[]>> = {
  tls: ["ca", "cert", "key", "passphrase", "servername", "rejectUnauthorized"],
  timeouts: ["connect", "command"],
  retry: ["base", "cap"],
  limits: ["staged", "stagedBytes", "pending", "bulk", "nesting"],
};
const known = [
  ...Object.keys(inner),
  ..."url via id name username password credentials db family protocol integers idleTimeout offline logger share stacks".split(
    " ",
  ),
];
const ofHandles = ["timeouts", "offline", "integers", "logger", "stacks", "timeout", "signal"];

/** The deepest reply that the core reads. */
const DEEPEST = 64;
/** The core counts to 2³¹ milliseconds, and both may add up. */
const LONGEST_TIMEOUT = 12 * 86_400_000;

/** Takes the arguments of `createClient`: options, or a URL and further options. Never throws. */
export function optionsOf(given: ClientOptions | string | URL = {}, more: ClientOptions = {}): ClientOptions {
  if (typeof given !== "string" && !(given instanceof URL)) return given;
  try {
    return typeof more === "object" && more !== null ? { ...more, url: given } : more;
  } catch {
    // Nor does what throws when it is read: the first use says so.
    return more;
  }
}

/** The options, each read once, with what is wrong with them in a sentence without any value of theirs. */
function read(given: ClientOptions, names: readonly string[]): { options: ClientOptions; problem: string | undefined } {
  if (typeof given !== "object" || given === null)
    return { options: {}, problem: "createClient takes a URL or an object of options" };
  const options = own(given, names) as Record<string, unknown>;
  const stranger = Object.keys(given).find((key) => !names.includes(key));
  let problem = stranger === undefined ? undefined : unknownOption(stranger, names);
  for (const [key, fields] of Object.entries(inner)) {
    const value = options[key];
    if (value === undefined || (key === "tls" && typeof value === "boolean")) continue;
    if (typeof value !== "object" || value === null) problem ??= `${key} must be an object`;
    else {
      options[key] = own(value, fields);
      const other = Object.keys(value).find((field) => !fields.includes(field));
      if (other !== undefined) problem ??= unknownOption(other, fields, `${key}.`);
    }
  }
  return { options, problem: problem ?? problemOf(options) };
}

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
  stacks: boolean;
}

/** Resolved options. */
export interface Settings {
  readonly target: TargetSettings;
  /** Equal for equal targets; its second line is what the core does not know of. */
  readonly key: string;
  /** Settings of a link, decided by the first handle of a target. */
  readonly link: string;
  readonly share: boolean;
  readonly id: string | undefined;
  /** The server and the database, where that is compared (`conflicts`) and can be told without the core. */
  readonly place: string | undefined;
}

/** The first mistake in the options of `with`. */
export function handleProblem(options: HandleOptions): string | undefined {
  try {
    if (typeof options !== "object" || options === null) return "with takes an object of options";
    const { problem } = read(options, ofHandles);
    if (problem !== undefined) return problem;
    const { timeout, signal } = own(options, ofHandles);
    if (timeout !== undefined && milliseconds(timeout) === undefined) return notDuration("timeout");
    if (signal !== undefined && typeof signal?.addEventListener !== "function") return "signal must be an AbortSignal";
    return undefined;
  } catch (error) {
    return unreadable(error);
  }
}

/** Whether there is nothing in the options of `with` that makes a handle of its own. */
export function isForCallsOnly(options: HandleOptions): boolean {
  return Object.keys(options).every((key) => key === "timeout" || key === "signal");
}

/** Settings in which handles of a target differ. Falls back to `base` silently: mistakes are reported elsewhere. */
export function handleSettings(options: ClientOptions & CallOptions, base: HandleSettings): HandleSettings {
  try {
    return readHandleSettings(options, base);
  } catch {
    // Options may be anything, also something that throws when it is read.
    return base;
  }
}

function readHandleSettings(options: ClientOptions & CallOptions, base: HandleSettings): HandleSettings {
  // Accepts anything here: `settingsOf` reports mistakes at first use.
  const given = own(Object(options) as HandleOptions, ofHandles);
  const { timeouts, offline, integers, logger, stacks, timeout, signal } = given;
  return {
    connect: milliseconds(timeouts?.connect, LONGEST_TIMEOUT) ?? base.connect,
    command: milliseconds(timeouts?.command, LONGEST_TIMEOUT) ?? base.command,
    waits: offline === undefined ? base.waits : offline === "wait",
    mode: integers === undefined ? base.mode : integers === "bigint" ? base.mode | 2 : base.mode & ~2,
    take: (options as Taking)?.[TAKE] ?? base.take,
    logger: logger === undefined ? base.logger : logger === false ? undefined : logger,
    timeout: milliseconds(timeout) ?? base.timeout,
    signal: signal ?? base.signal,
    stacks: stacks === undefined ? base.stacks : stacks === true,
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
    const valid = read(options, known);
    problem = valid.problem;
    if (problem === undefined) return validSettings(valid.options, handle, runtime, identify);
  } catch (error) {
    problem = unreadable(error);
  }
  const core = { texts: [problem], numbers: [] };
  const target = { options: core, tls: undefined, family: 0, credentials: undefined, via: undefined } as const;
  const { share } = own(Object(options) as ClientOptions, ["share"]);
  return {
    target,
    key: `\n${JSON.stringify(problem)}`,
    link: "",
    share: share !== false,
    id: undefined,
    place: undefined,
  };
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
  const secrets = tls === undefined ? "" : keyOfTls(tls);
  const source = typeof credentials === "function" ? identify(credentials) : 0;
  const beyond = JSON.stringify(id === undefined ? [family, source, secrets, via?.key] : { id });
  const same = id === undefined ? JSON.stringify([texts, numbers]) : `id ${id}`;
  return {
    target: { options: { texts, numbers: [...numbers, ...link] }, tls, family, credentials, via },
    key: `${same}\n${beyond}`,
    link: JSON.stringify(link),
    share: options.share !== false,
    id,
    place: via === undefined && (id !== undefined || source > 0) ? placeOf(url, options.db) : undefined,
  };
}

function viaOf(options: ClientOptions, { via }: Runtime, identify: (value: object) => number): Via {
  if (via === undefined) throw new Error("via needs Cloudflare Workers: pass url instead");
  return via(options, identify);
}

/** Deno lets programs read what they are allowed to, one variable or the other: what one of them gives is enough. */
function urlOfEnvironment(env: (name: string) => string | undefined): string | undefined {
  let refused: unknown;
  for (const name of ["REDIS_URI", "REDIS_URL"]) {
    try {
      const url = env(name);
      if (url) return url;
    } catch (error) {
      refused ??= error;
    }
  }
  if (refused !== undefined) throw new Error(`${messageOf(refused)}; or pass url`);
  return undefined;
}

function urlOf(options: ClientOptions, env: (name: string) => string | undefined): string | undefined {
  if (!("url" in options)) return urlOfEnvironment(env);
  let { url } = options;
  if (typeof url === "function") {
    try {
      url = url();
    } catch (error) {
      throw new Error(`the url function threw: ${messageOf(error)}`);
    }
  }
  if (url === undefined || url === null) return undefined;
  const text = String(url);
  const meant = misspelt(text);
  // It may be a part of a password, so it is not repeated.
  if (meant !== undefined) throw new Error(`the URL has an unknown parameter; did you mean ${meant}?`);
  return text;
}

/** The parameter of ours that one of the URL was meant to be. Those of other clients are none of our business. */
function misspelt(url: string): string | undefined {
  const names = ["db", "database", "protocol"];
  const given = url.slice(url.indexOf("?") + 1 || url.length).split("&");
  for (const pair of given) {
    const name = pair.split("=", 1)[0] as string;
    const meant = name === "" || names.includes(name) ? undefined : nearest(name, names);
    if (meant !== undefined) return meant;
  }
  return undefined;
}

function problemOf(options: ClientOptions): string | undefined {
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
  if ((limits?.nesting ?? 0) > DEEPEST) return `limits.nesting must be at most ${DEEPEST}`;
  const { logger } = options;
  const logs =
    logger !== undefined && logger !== false && typeof logger.info === "function" && typeof logger.warn === "function";
  if (logger !== undefined && logger !== false && !logs)
    return "logger must have the methods info and warn, or be false";
  if (family !== undefined && ![0, 4, 6].includes(Number(family))) return "family must be 4, 6 or 0";
  if (offline !== undefined && offline !== "reject" && offline !== "wait") return 'offline must be "reject" or "wait"';
  if (integers !== undefined && integers !== "number" && integers !== "bigint")
    return 'integers must be "number" or "bigint"';
  if (options.stacks !== undefined && typeof options.stacks !== "boolean") return "stacks must be true or false";
  if (credentials !== undefined && typeof credentials !== "function") return "credentials must be a function";
  if (db !== undefined && !(Number.isInteger(db) && db >= 0 && db < 2 ** 16)) return "db must be a whole number from 0";
  for (const name of ["id", "name", "username", "password"] as const) {
    if (options[name] !== undefined && typeof options[name] !== "string") return `${name} must be a string`;
  }
  if (options.protocol !== undefined && options.protocol !== 2 && options.protocol !== 3)
    return "protocol must be 2 or 3";
  return undefined;
}

/** The milliseconds that closing may wait, if given; an error for an invalid duration. */
export function drainLimit(options: CloseOptions): number | UsageError | undefined {
  // `close` may be used as a callback: ignores an event or the name of a signal that it is given then.
  try {
    if (typeof options !== "object" || options === null || !isLiteral(options)) return undefined;
    return limitOf("close", "drain", options);
  } catch (error) {
    return new UsageError(`close(): ${unreadable(error)}`, "close");
  }
}

/** The milliseconds that `ready` may wait. */
export function readyLimit(options: { timeout?: Duration | undefined }): number | UsageError {
  if (typeof options !== "object" || options === null) return new UsageError("ready() takes an object of options");
  return limitOf("ready", "timeout", options) ?? 10_000;
}

function limitOf(method: string, name: string, options: object): number | UsageError | undefined {
  const stranger = Object.keys(options).find((key) => key !== name);
  if (stranger !== undefined) return new UsageError(`${method}(): ${unknownOption(stranger, [name])}`, method);
  const duration = own(options as Record<string, unknown>, [name])[name];
  if (duration === undefined || (duration === 0 && name === "drain")) return duration;
  return milliseconds(duration) ?? new UsageError(`${method}(): ${notDuration(name)}`, method);
}

function isLiteral(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
