// The app: products come from Redis if they can, else from the database.
import { createClient } from "edgis";

// REDIS_URL is read at the first use, so a test may set it after this import.
export const redis = createClient({ timeouts: { connect: "500ms", command: "200ms" }, logger: false });

/** Stands for a slow query. */
const query = async (id) => ({ id, name: `product ${id}` });

export async function product(id) {
  const cached = await redis.get(`product:${id}`).catch(() => null);
  if (cached !== null) return { ...JSON.parse(cached), from: "cache" };
  const found = await query(id);
  await redis.set(`product:${id}`, JSON.stringify(found), { EX: 60 }).catch(() => {});
  return { ...found, from: "database" };
}
