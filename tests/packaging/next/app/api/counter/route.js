import { connection } from "next/server";
import { ask } from "../../../lib/redis.js";

export async function GET() {
  // Else the answer is prerendered where Redis is away while the app is built: it needs no waiting then.
  await connection();
  return Response.json({ count: await ask("route", (redis) => redis.incr("route"), "without Redis") });
}
