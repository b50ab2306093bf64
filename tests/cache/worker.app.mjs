// A Worker with a cache at module level.
import { DurableObject } from "cloudflare:workers";
import { createClient } from "edgis";
import { createCache } from "edgis/cache";

const location = { url: undefined };
// Who has no time left loads without asking, and this counts loads.
const timeouts = { connect: "20s", command: "20s" };
const redis = createClient({ url: () => location.url, logger: false, timeouts });
const plain = createCache({ client: redis, namespace: "worker", ttl: "1m", timeout: "20s" });
const near = createCache({ client: redis, namespace: "worker", ttl: "1m", l1: { maxStale: "20s" } });
const brief = createCache({ client: redis, namespace: "worker", ttl: 50, staleWhileRevalidate: "1m" });
const capped = createCache({ client: redis, namespace: "worker", ttl: "1m", timeout: "20s", maxConcurrentLoads: 1 });
// At import, outside of any request, nothing can be asked, and nothing breaks.
const early = plain.getOrSet("early", () => "loaded").catch((error) => String(error));

let loads = 0;
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const routes = {
  early: async () => ({ value: await early }),
  async page({ key, takes = 0, cache = "plain" }) {
    const value = await { plain, near, brief, capped }[cache].getOrSet(key, async () => {
      loads += 1;
      const load = loads;
      await sleep(Number(takes));
      return load;
    });
    return { value };
  },
  delete: async ({ key }) => plain.delete(key),
  stats: async () => ({ loads, plain: plain.stats(), near: near.stats(), brief: brief.stats() }),
};

export default {
  async fetch(request, env) {
    location.url ??= env.REDIS_URL;
    const { pathname, searchParams } = new URL(request.url);
    return Response.json(await routes[pathname.slice(1)](Object.fromEntries(searchParams)));
  },
};

export class Counter extends DurableObject {}
