import { createKeyv } from "@keyv/redis";
import { Cacheable } from "cacheable";

export async function open(port, { memory }) {
  const redis = createKeyv(`redis://127.0.0.1:${port}`, { namespace: "bench" });
  redis.on("error", () => {});
  // Its first tier is its only one where there is no memory.
  const cache = new Cacheable({ ttl: "10m", ...(memory ? { secondary: redis } : { primary: redis }) });
  cache.on("error", () => {});
  return {
    getOrSet: (key, load) => cache.getOrSet(key, load),
    close: () => cache.disconnect(),
  };
}
