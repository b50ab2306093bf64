// A request handler that uses Redis as a cache and needs it for nothing.
import { isRedisError } from "edgis";

/** The product, and whether it came from Redis. Whatever happens to Redis, there is an answer. */
export async function product(redis, id) {
  const key = `product:${id}`;
  const cached = await orNothing(redis.get(key));
  if (cached !== undefined && cached !== null) return { from: "cache", product: JSON.parse(cached) };
  const fresh = await loadFromDatabase(id);
  await orNothing(redis.set(key, JSON.stringify(fresh), { EX: 60 }));
  return { from: "database", product: fresh };
}

/** Without Redis the app goes on; a bug is still a bug. */
async function orNothing(command) {
  try {
    return await command;
  } catch (error) {
    if (isRedisError(error)) return undefined;
    throw error;
  }
}

async function loadFromDatabase(id) {
  return { id, name: `Product ${id}` };
}
