import { DurableObject, env } from "cloudflare:workers";
import { createClient } from "edgis";
import { absent, createCache } from "edgis/cache";
import { RedisObject } from "edgis/durable-object";

export class Redis extends RedisObject {}

export const redis = createClient({ url: () => env.REDIS_URL, logger: false });
export const relayed = createClient({ via: () => env.REDIS, logger: false });
export const cache = createCache({ client: redis, namespace: "tested", ttl: "1m" });

const prices = { chair: 40 };
export const price = (name) => cache.getOrSet(["price", name], () => prices[name] ?? absent);

export class Room extends DurableObject {
  count(key) {
    return redis.incr(key);
  }
}

const routes = {
  "/count": async () => ({ count: await redis.incr("requests") }),
  "/relayed": async () => ({ count: await relayed.incr("relayed") }),
  "/price": async () => ({ price: await price("chair") }),
};

export default {
  async fetch(request, _, context) {
    const { pathname } = new URL(request.url);
    if (pathname === "/later") {
      context.waitUntil(redis.set("later", "done"));
      return new Response();
    }
    return Response.json(await routes[pathname]());
  },
  scheduled: (controller) => redis.set("cron", controller.cron),
};
