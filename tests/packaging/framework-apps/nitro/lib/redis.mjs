import { env } from "cloudflare:workers";
import { createClient } from "edgis";

export const redis = createClient({ url: () => env.REDIS_URL, logger: false });
