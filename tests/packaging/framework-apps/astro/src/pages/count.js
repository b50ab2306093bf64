import { redis } from "../redis.js";

export const GET = async () => Response.json({ count: await redis.incr("count") });
