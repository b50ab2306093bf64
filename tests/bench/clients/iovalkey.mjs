import { Redis } from "iovalkey";

export async function open(port) {
  const redis = new Redis({ host: "127.0.0.1", port, lazyConnect: true, enableAutoPipelining: true });
  await redis.connect();
  return {
    get: (key) => redis.get(key),
    set: (key, value) => redis.set(key, value),
    ping: () => redis.ping(),
    close: () => redis.disconnect(),
  };
}
