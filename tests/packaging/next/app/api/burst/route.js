import { redis } from "../../../lib/redis.js";

export async function POST() {
  const before = redis.stats();
  const counts = await Promise.all(Array.from({ length: 100 }, () => redis.incr("burst")));
  const after = redis.stats();
  return Response.json({ last: counts.at(-1), commands: after.commands - before.commands });
}
