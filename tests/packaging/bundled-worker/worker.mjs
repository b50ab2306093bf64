import { env } from "cloudflare:workers";
import { createClient } from "edgis";

const redis = createClient({ url: () => env.REDIS_URL, logger: false });

const routes = {
  "/": async () => new Response(`<p id="count">${await redis.incr("count")}</p>`),
  "/count": async () => Response.json({ count: await redis.incr("count") }),
};

export default { fetch: ({ url }) => routes[new URL(url).pathname]() };
