import { redis } from "../../lib/redis.js";

export const dynamic = "force-dynamic";

export const GET = async () => Response.json({ count: await redis.incr("count") });
