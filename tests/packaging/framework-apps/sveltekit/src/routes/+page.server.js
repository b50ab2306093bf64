import { redisOf } from "$lib/server/redis.js";

export const load = async ({ platform }) => ({ count: await redisOf(platform).incr("count") });
