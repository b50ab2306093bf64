import { defineEventHandler } from "#imports";
import { redis } from "../utils/redis.mjs";

export default defineEventHandler(async () => ({ count: await redis.incr("count") }));
