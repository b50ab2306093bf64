// A worker whose requests share the connection of a Durable Object.
import * as workers from "cloudflare:workers";
import { createClient } from "edgis";
import { RedisObject } from "edgis/durable-object";

let bindings;
/** Where older runtimes have no bindings to import, they are found at first use. */
const env = workers.env ?? new Proxy({}, { get: (_, name) => () => bindings[name] });

const clients = {
  /** At module level, by the bindings that a module can see. */
  module: createClient({ via: env.REDIS, logger: false }),
  /** For hundreds of requests at once, which take a slow machine seconds. */
  patient: createClient({ via: env.REDIS, timeouts: { connect: "20s", command: "20s" }, logger: false }),
  /** Found at first use. */
  later: createClient({ via: () => bindings.REDIS, logger: false }),
  named: createClient({ via: { namespace: env.REDIS, name: "other" }, logger: false }),
  spread: createClient({ via: { namespace: env.REDIS, name: "spread", shards: 4 }, logger: false }),
  hung: createClient({ via: env.HUNG, timeouts: { connect: 400, command: 300 }, logger: false }),
  direct: createClient({ url: () => bindings.REDIS_URL, logger: false }),
  waits: createClient({ via: env.REDIS, offline: "wait", logger: false }),
  breaks: createClient({ via: env.BREAKS, logger: false }),
  broken: createClient({ via: env.BROKEN, logger: false }),
  denied: createClient({ via: env.DENIED, logger: false }),
  // The same object as `denied`, found in another way.
  denial: createClient({ via: () => bindings.DENIED.get(bindings.DENIED.idFromName("edgis")), logger: false }),
  unset: createClient({ via: env.UNSET, logger: false }),
  foreign: createClient({ via: env.FOREIGN, logger: false }),
  missing: createClient({ via: env.NOTHING, logger: false }),
  otherwise: createClient({ via: env.NOTHING, url: () => bindings.REDIS_URL, logger: false }),
  both: createClient({ via: env.REDIS, url: "redis://127.0.0.1:6379", logger: false }),
};

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const told = (error) => {
  const { kind, code, message, reason, phase, sent, command } = error;
  return { kind, code, message, reason, phase, sent, command, is: error instanceof Error, cause: error.cause?.kind };
};

/** Values with their types, as JSON has few of them. */
const typed = (value) => {
  if (value instanceof Uint8Array) return { bytes: [...value] };
  if (typeof value === "bigint") return { bigint: String(value) };
  if (typeof value === "number" && !Number.isFinite(value)) return { number: String(value) };
  if (value instanceof Map) return { map: [...value].map(typed) };
  if (Array.isArray(value)) return value.map(typed);
  if (value instanceof Error) return told(value);
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, typed(one)]));
  return value;
};

const routes = {
  async page(redis, { id, rounds = 3 }) {
    const values = [];
    for (let i = 0; i < Number(rounds); i += 1) {
      await redis.set(`page:${id}:${i}`, `${id}:${i}`);
      values.push(await redis.get(`page:${id}:${i}`));
    }
    return { values };
  },
  async tick(redis, { count }) {
    const values = await Promise.all(
      Array.from({ length: Number(count) }, async (_, i) => {
        for (let depth = 0; depth < i % 8; depth += 1) await null;
        return redis.incr("tick");
      }),
    );
    return { distinct: new Set(values).size };
  },
  async calls(redis, { commands, timeout, integers, bytes }) {
    let client = redis;
    if (timeout !== undefined) client = client.with({ timeout: Number(timeout) });
    if (integers !== undefined) client = client.with({ integers });
    if (bytes !== undefined) client = client.bytes;
    const start = Date.now();
    const settled = await Promise.allSettled(commands.map((command) => client.call(...command)));
    const values = settled.map(({ value, reason }) => (reason === undefined ? typed(value) : told(reason)));
    return { values, milliseconds: Date.now() - start, status: redis.status() };
  },
  async binary(redis) {
    const value = Uint8Array.from({ length: 300_000 }, (_, i) => i % 256);
    await redis.set("binary", value);
    const got = await redis.bytes.get("binary");
    return { same: got.every((byte, i) => byte === value[i]) && got.length === value.length };
  },
  async fields(redis) {
    const names = ["\xca", "\xcb", "name"].map((name) => Uint8Array.from(name, (one) => one.charCodeAt(0)));
    await redis.hset(
      "binary-fields",
      names.flatMap((name, i) => [name, i]),
    );
    const map = await redis.bytes.hgetall("binary-fields");
    return {
      fields: [...map].map(([name, value]) => [[...name], [...value]]),
      text: await redis.hgetall("binary-fields"),
    };
  },
  async large(redis, { length, warm }) {
    if (warm !== undefined) await redis.ping();
    const value = "ü".repeat(Number(length));
    const set = await redis.set("large", value).catch(told);
    return { set, same: await redis.get("large").then((got) => got === value, told) };
  },
  async abort(redis) {
    const controller = new AbortController();
    const client = redis.with({ signal: controller.signal });
    await redis.ping();
    const slow = client.call("DEBUG", "SLEEP", "0.5").catch((error) => error);
    const never = redis.with({ signal: AbortSignal.abort("no") }).incr("aborted");
    await sleep(50);
    const start = Date.now();
    controller.abort(new Error("enough"));
    const { message } = await slow;
    return { message, milliseconds: Date.now() - start, never: await never.catch((error) => error) };
  },
  async init(redis) {
    const before = redis.status().state;
    const status = await redis.init();
    return { before, status, isReady: redis.isReady, isOpen: redis.isOpen };
  },
  async forget(redis, { id }) {
    redis.set(`forgotten:${id}`, id);
    return {};
  },
  async stats(redis) {
    await redis.ping();
    return redis.stats();
  },
};

export default {
  async fetch(request, given, context) {
    bindings = given;
    const { pathname, searchParams } = new URL(request.url);
    const [, client, route] = pathname.split("/");
    if (client === "inside") return Response.json(await given.REDIS.get(given.REDIS.idFromName(route)).inside());
    if (client === "stub") {
      const redis = createClient({ via: given.REDIS.get(given.REDIS.idFromName("stub")), logger: false });
      return Response.json(await routes[route](redis, Object.fromEntries(searchParams), context));
    }
    const commands = request.method === "POST" ? await request.json() : [];
    const parameters = { ...Object.fromEntries(searchParams), commands };
    return Response.json(await routes[route](clients[client], parameters, context));
  },
};

export class Redis extends RedisObject {
  static options = (env) => ({ idle: env.IDLE, logger: false });
  static calls = 0;
  static greetings = 0;

  async greet() {
    Redis.greetings += 1;
    return super.greet();
  }

  async relay(frames) {
    Redis.calls += 1;
    return super.relay(frames);
  }

  /** What the object is made of. */
  async inside() {
    const { targets, links, pending } = globalThis[Symbol.for("edgis.engine.1")] ?? {};
    return {
      calls: Redis.calls,
      greetings: Redis.greetings,
      targets: targets?.size,
      links: links?.size,
      pending: pending?.size,
    };
  }
}

/** It never answers. */
export class Hung extends RedisObject {
  async greet() {
    await sleep(60_000);
  }
}

/** It fails when the commands have been executed, as when its code is updated. */
export class Breaks extends RedisObject {
  async relay(frames) {
    await super.relay(frames);
    throw new Error("broken in the middle");
  }
}

export class Broken extends RedisObject {
  constructor(context, env) {
    super(context, env);
    throw new Error("broken from the start");
  }
}

/** Its server wants another password. */
export class Denied extends RedisObject {
  static options = (env) => ({ url: env.REDIS_URL.replace("//", "//nobody:wrong@"), logger: false });
}

/** Nobody has told it where Redis is. */
export class Unset extends RedisObject {
  static options = () => ({ url: "", logger: false });
}

/** Another class altogether. */
export class Foreign extends workers.DurableObject {}
