// The app's use of its cache. Nothing here has to know that Redis may be away.
import { createCache } from "edgis/cache";
import * as database from "./database.mjs";
import { redis } from "./redis.mjs";

export const cache = createCache({ client: redis, namespace: "shop", ttl: "1m", graceOnError: "1m" });

export const product = (id) => cache.getOrSet(["product", id], () => database.load(id));

/** Changes the price, and tells what became of the invalidation. */
export async function changePrice(id) {
  await database.changePrice(id);
  const { outcome } = await cache.delete([["product", id]]);
  return outcome;
}
