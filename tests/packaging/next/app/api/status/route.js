import { DisabledError } from "edgis";
import { redis } from "../../../lib/redis.js";

export async function POST() {
  // Nobody listens for what becomes of it.
  redis.set("fire", "and forget");
  const error = await redis.get("status").catch((caught) => caught);
  const { state, reason } = redis.status();
  return Response.json({ state, reason, known: error instanceof DisabledError });
}
