import { Redis } from "ioredis";

export async function open(port, { enableAutoPipelining = false } = {}) {
  const redis = new Redis({ host: "127.0.0.1", port, lazyConnect: true, enableAutoPipelining });
  await redis.connect();
  return {
    get: (key) => redis.get(key),
    set: (key, value) => redis.set(key, value),
    ping: () => redis.ping(),
    close: () => redis.disconnect(),
  };
}
