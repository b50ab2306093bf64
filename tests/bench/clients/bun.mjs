import { RedisClient } from "bun";

export async function open(port) {
  const redis = new RedisClient(`redis://127.0.0.1:${port}`);
  await redis.connect();
  return {
    get: (key) => redis.get(key),
    set: (key, value) => redis.set(key, value),
    ping: () => redis.send("PING", []),
    close: () => redis.close(),
  };
}
