// A worker as a user writes it: one client for the module, and no ctx handed around.

import { connect } from "cloudflare:sockets";
import { DurableObject } from "cloudflare:workers";
import { createCache } from "edgis/cache";
import { createClient, scope } from "edgis/workerd";

// Hundreds of requests at once take a slow machine seconds; what ends by a deadline is tested elsewhere.
const timeouts = { connect: "20s", command: "20s" };
const redis = createClient({ url: () => location.url, logger: false, timeouts });
const location = { url: undefined };
/** Older runtimes have none to import. */
let env;
// At import, outside of any request: refused, and nothing breaks.
const early = { status: redis.status() };
redis.get("early").catch((error) => {
  early.code = error.code;
});
scope({ waitUntil() {} }, () => 1).catch((error) => {
  early.scope = error.message;
});
const caches = [{}, { l1: true }].map((more) => createCache({ client: redis, namespace: "app", ttl: "1m", ...more }));
early.cached = [];
for (const cache of caches) cache.getOrSet("early", () => "loaded").then((value) => early.cached.push(value));
// Neither gives anything of use there.
early.touched = globalThis.touched;

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function engine() {
  const { requests, targets, links, pending } = globalThis[Symbol.for("edgis.engine.1")];
  return {
    requests: requests.size,
    targets: targets.size,
    links: links.size,
    pending: pending.size,
    misses: requests.misses,
  };
}

const routes = {
  /** What a page does: a read, its work, a write, all in a few rounds. */
  async page({ id, rounds = 3 }) {
    const values = [];
    for (let i = 0; i < Number(rounds); i += 1) {
      await redis.set(`page:${id}:${i}`, `${id}:${i}`);
      values.push(await redis.get(`page:${id}:${i}`));
    }
    return { values };
  },
  /** So many reads through a cache, of a few keys. */
  async cached({ id, near = 0 }) {
    const cache = caches[Number(near)];
    const loads = [];
    const load = (key) => {
      loads.push(key);
      return `value of ${key}`;
    };
    const values = [];
    for (const key of ["a", `b${id}`, "a"]) values.push(await cache.getOrSet(key, () => load(key)));
    return { values, loads: loads.length, fallbacks: cache.stats().fallbacks };
  },
  async tick({ count }) {
    const before = redis.stats().writes;
    const values = await Promise.all(
      Array.from({ length: Number(count) }, async (_, i) => {
        for (let depth = 0; depth < i % 8; depth += 1) await null;
        return redis.incr("tick");
      }),
    );
    return { distinct: new Set(values).size, writes: redis.stats().writes - before };
  },
  /** Waits for something that is not Redis between two commands: another request is the last used by then. */
  async away({ id, milliseconds = 30 }) {
    await redis.set(`away:${id}`, id);
    await sleep(Number(milliseconds));
    return { value: await redis.get(`away:${id}`), dials: redis.stats().dials };
  },
  /** Waits for other things between its commands, for as long as all the others, or for as long as comes. */
  async nap({ rounds, least, most }) {
    for (let i = 0; i < Number(rounds); i += 1) {
      await redis.get("x");
      await sleep(Number(least) + Math.random() * (Number(most) - Number(least)));
    }
    return {};
  },
  /** So many requests to this worker, ten at a time. */
  async many({ count, path = "page?id=1&rounds=1" }) {
    let answered = 0;
    let left = Number(count);
    const lane = async () => {
      while (left-- > 0) {
        const response = await env.SELF.fetch(`http://self/${path}`);
        const { values } = await response.json();
        answered += values.length;
      }
    };
    await Promise.all(Array.from({ length: 10 }, lane));
    return { answered };
  },
  /** A request that has a socket and nothing of edgis. */
  async socket() {
    const { port } = new URL(env.REDIS_URL);
    const socket = connect({ hostname: "127.0.0.1", port: Number(port) });
    await socket.writable.getWriter().write(new TextEncoder().encode("PING\r\n"));
    const { value } = await socket.readable.getReader().read();
    return { values: [value.length] };
  },
  async large({ length }) {
    const value = "ü".repeat(Number(length));
    await redis.set("large", value);
    return { same: (await redis.get("large")) === value, bytes: (await redis.bytes.get("large")).length };
  },
  /** Short values, some of which are not ASCII, in one reply. */
  async mixed() {
    const values = ["a", "ü", "1.5", "€", "inf", "grüße", "z"];
    await redis.call("DEL", "mixed");
    await redis.rpush("mixed", ...values);
    return { same: JSON.stringify(await redis.lrange("mixed", 0, -1)) === JSON.stringify(values) };
  },
  async slow() {
    return { value: await redis.call("DEBUG", "SLEEP", "0.3").catch((error) => error.code) };
  },
  /** Nobody waits for it. */
  async forget({ id }) {
    redis.set(`forgotten:${id}`, id);
    return {};
  },
  async try() {
    const start = Date.now();
    const told = await redis.get("x").then(
      () => "ok",
      (error) => error.code,
    );
    return { told, milliseconds: Date.now() - start, status: redis.status() };
  },
  async init() {
    return { status: await redis.init(), isReady: redis.isReady };
  },
  async explicit({ id }, context) {
    return scope(context, async () => ({ value: await redis.set(`explicit:${id}`, id) }));
  },
  async probe({ count }) {
    await redis.get("x");
    const start = Date.now();
    for (let i = 0; i < Number(count); i += 1) redis.isOpen;
    await sleep(1);
    return { microseconds: (1000 * (Date.now() - start)) / Number(count) };
  },
  early: async () => early,
  engine: async () => engine(),
};

export default {
  async fetch(request, bindings, context) {
    env = bindings;
    location.url ??= env.REDIS_URL;
    const { pathname, searchParams } = new URL(request.url);
    const [, where] = pathname.split("/");
    if (where === "object") return env.OBJECT.get(env.OBJECT.idFromName("one")).fetch(request);
    return Response.json(await routes[where](Object.fromEntries(searchParams), context));
  },
};

/** The same routes in a Durable Object, whose requests share what it has. */
export class Counter extends DurableObject {
  async fetch(request) {
    location.url ??= this.env.REDIS_URL;
    const { pathname, searchParams } = new URL(request.url);
    return Response.json(await routes[pathname.split("/")[2]](Object.fromEntries(searchParams), this.ctx));
  }
}
