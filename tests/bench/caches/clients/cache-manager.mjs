import { createKeyv } from "@keyv/redis";
import { createCache } from "cache-manager";
import { Keyv } from "keyv";

const TTL = 600_000;

export async function open(port, { memory }) {
  const redis = createKeyv(`redis://127.0.0.1:${port}`, { namespace: "bench" });
  redis.on("error", () => {});
  const cache = createCache({ stores: memory ? [new Keyv(), redis] : [redis], ttl: TTL });
  return {
    getOrSet: (key, load) => cache.wrap(key, load, TTL),
    close: () => cache.disconnect(),
  };
}
