// As little of a worker as there can be.
import { env } from "cloudflare:workers";
import { createClient } from "edgis";

const redis = createClient({ url: () => env.REDIS_URL });

export default { fetch: async () => new Response(await redis.get("k")) };
