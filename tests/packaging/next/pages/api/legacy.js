import { ask } from "../../lib/redis.js";

export default async function handler(_, response) {
  response.json({ count: await ask("legacy", (redis) => redis.incr("legacy"), "without Redis") });
}
