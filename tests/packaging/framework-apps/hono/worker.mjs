import { env } from "cloudflare:workers";
import { createClient } from "edgis";
import { Hono } from "hono";

const redis = createClient({ url: () => env.REDIS_URL, logger: false });

export default new Hono()
  .get("/", async (c) => c.html(`<p id="count">${await redis.incr("count")}</p>`))
  .get("/count", async (c) => c.json({ count: await redis.incr("count") }));
