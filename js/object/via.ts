/** Resolves the option `via`: which object, and how to reach it from the current request. */
import type { Stream, StreamEvents, Via } from "../transport/stream.js";
import { ObjectLink, type Standing } from "./link.js";
import { type Relay, revive } from "./wire.js";

/** The binding of a Durable Object class: `env.REDIS`. */
export interface ObjectNamespace {
  idFromName(name: string): object;
  get(id: object, options?: { locationHint?: string }): object;
}

/** One object of a class: `env.REDIS.get(id)`. */
export interface ObjectStub {
  readonly id: { toString(): string };
}

/** A choice among the objects of a class. */
export interface ObjectChoice {
  namespace: ObjectNamespace;
  /** Default `"edgis"`. Each name is an object of its own, with a connection of its own. */
  name?: string | undefined;
  /**
   * Over how many objects the requests are spread, each with a connection of its own. Default 1, which serves some
   * hundreds of requests a second.
   */
  shards?: number | undefined;
  /** Where an object is made that there is not yet: `"weur"`, `"enam"`, … Default: near the request that comes first. */
  locationHint?: string | undefined;
}

const DEFAULT_NAME = "edgis";
/** The number of objects whose state an isolate remembers. */
const MOST = 256;
const standings = new Map<string, Standing>();

/** Options of the connection, which belong to the object. */
const ofObjects = ["url", "name", "username", "password", "credentials", "db", "tls", "family", "protocol"];
const advice = "as in createClient({ via: env.REDIS })";
const isName = (name: unknown): name is string => typeof name === "string" && name !== "";

/** Throws an error that says what is wrong with the option. */
export function viaOf(now: () => number, options: object, identify: (value: object) => number): Via {
  const given = options as Record<string, unknown>;
  const other = ofObjects.find((name) => given[name] !== undefined);
  if (other !== undefined) throw new Error(`${other} is the object's to know: give it in the options of its class`);
  const value: unknown = typeof given.via === "function" ? given.via() : given.via;
  if (value === undefined || value === null) {
    throw new Error("via is undefined: bind a class that extends RedisObject under durable_objects of wrangler.jsonc");
  }
  // A stub answers to every property name, so ask for one that the others lack.
  const id = property(value, "id");
  if (id !== undefined) {
    const name = String(id);
    return via(now, name, name, () => value as Relay);
  }
  const { namespace, name = DEFAULT_NAME, shards = 1, locationHint } = choiceOf(value);
  if (!isName(name)) throw new Error("via.name must be a string that is not empty");
  if (!(Number.isInteger(shards) && shards >= 1)) throw new Error("via.shards must be a whole number from 1");
  if (typeof namespace?.idFromName !== "function") {
    throw new Error(`via must be the binding of a Durable Object class that extends RedisObject, ${advice}`);
  }
  const key = JSON.stringify([identify(namespace), name, shards]);
  const hint = locationHint === undefined ? {} : { locationHint };
  return via(now, name, key, () => {
    const shard = shards === 1 ? name : `${name}-${Math.floor(Math.random() * shards)}`;
    return namespace.get(namespace.idFromName(shard), hint) as Relay;
  });
}

function choiceOf(value: unknown): ObjectChoice {
  const known = ["namespace", "name", "shards", "locationHint"];
  const choice = Object.fromEntries(known.map((name) => [name, property(value, name)]));
  if (choice.namespace === undefined) return { ...choice, namespace: value as ObjectNamespace };
  const other = Object.keys(Object(value)).find((key) => !known.includes(key));
  if (other !== undefined) throw new Error(`unknown option via.${/^\w{1,40}$/.test(other) ? other : "?"}`);
  return choice as unknown as ObjectChoice;
}

/** A property, unless it comes from a polluted `Object.prototype`. */
function property(value: unknown, name: string): unknown {
  const found = (Object(value) as Record<string, unknown>)[name];
  return found === (Object.prototype as Record<string, unknown>)[name] ? undefined : found;
}

function via(now: () => number, name: string, key: string, stub: () => Relay): Via {
  return {
    url: `unix:///durable-object/${encodeURIComponent(name)}`,
    key,
    open: (events: StreamEvents): Stream => new ObjectLink(stub(), standingOf(key), now, events),
    revive,
  };
}

function standingOf(key: string): Standing {
  let standing = standings.get(key);
  if (standing === undefined) {
    if (standings.size >= MOST) standings.clear();
    standing = { good: Number.NEGATIVE_INFINITY, owes: undefined };
    standings.set(key, standing);
  }
  return standing;
}
