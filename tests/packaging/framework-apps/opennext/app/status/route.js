import { redis } from "../../lib/redis.js";

export const dynamic = "force-dynamic";

export const GET = async () => Response.json(await redis.init());
