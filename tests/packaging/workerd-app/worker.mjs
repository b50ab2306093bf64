// What tests/packaging/app/probe.mjs does, as a Worker: a step a request.
import { env, waitUntil } from "cloudflare:workers";
import { createClient, DisabledError, isRedisError } from "edgis";
import { RedisObject } from "edgis/durable-object";

/** Named in wrangler.jsonc, used where the environment says so. */
export class Redis extends RedisObject {
  static options = (bindings) => ({ url: bindings.REDIS_URL, name: "cell", logger: false });
}

const direct = { url: () => env.REDIS_URL, name: "cell" };
const redis = createClient({ ...(env.VIA ? { via: env.REDIS } : direct), logger: false });
let unhandled = 0;
addEventListener("unhandledrejection", () => {
  unhandled += 1;
});
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const steps = {
  async connected() {
    const { state, message } = await redis.init();
    const set = await redis.set("cell", "grüße");
    const get = await redis.get("cell");
    const before = redis.stats();
    const numbers = await Promise.all(Array.from({ length: 100 }, () => redis.incr("count")));
    const after = redis.stats();
    const burst = { last: numbers.at(-1), writes: after.writes - before.writes };
    // The connection is counted meanwhile.
    waitUntil(sleep(2_000));
    return { state, message, set, get, ...burst, crossings: after.crossings - before.crossings };
  },
  /** Now the server is killed. */
  async disabled() {
    for (const until = Date.now() + 15_000; redis.status().state !== "disabled" && Date.now() < until; ) {
      await redis.get("cell").catch(() => {});
      await sleep(10);
    }
    const { reason, hint } = redis.status();
    const error = await redis.get("cell").catch((caught) => caught);
    redis.set("fire", "and forget");
    const known = error instanceof DisabledError && isRedisError(error);
    await sleep(20);
    return { state: redis.status().state, reason, hint: typeof hint, known, kind: error.kind, unhandled };
  },
};

export default {
  async fetch(request) {
    const step = new URL(request.url).pathname.slice(1);
    return Response.json({ step, ...(await steps[step]()) });
  },
};
