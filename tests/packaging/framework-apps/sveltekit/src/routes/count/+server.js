import { json } from "@sveltejs/kit";
import { redisOf } from "$lib/server/redis.js";

export const GET = async ({ platform }) => json({ count: await redisOf(platform).incr("count") });
