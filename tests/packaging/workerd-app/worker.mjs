// What tests/packaging/app/probe.mjs does, as a Worker: a step a request. It stands in a folder of the app.
import { env, waitUntil } from "cloudflare:workers";
import { createClient, DisabledError, isRedisError } from "edgis";
import { RedisObject } from "edgis/durable-object";
import { connected, disabled } from "../probe.mjs";

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

const steps = {
  async connected() {
    const told = await connected(redis);
    // The connection is counted meanwhile.
    waitUntil(new Promise((resolve) => setTimeout(resolve, 2_000)));
    return told;
  },
  disabled: () => disabled(redis, { DisabledError, isRedisError }, () => unhandled),
};

export default {
  async fetch(request) {
    const step = new URL(request.url).pathname.slice(1);
    return Response.json({ step, ...(await steps[step]()) });
  },
};
