import { defineHandler } from "nitro/h3";
import { redis } from "../lib/redis.mjs";

export default defineHandler(async () => ({ count: await redis.incr("count") }));
