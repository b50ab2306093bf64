import { redis } from "../redis.server.js";

export const loader = async () => Response.json({ count: await redis.incr("count") });
