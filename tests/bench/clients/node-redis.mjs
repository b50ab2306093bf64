import { createClient } from "redis";

export async function open(port) {
  const redis = createClient({ url: `redis://127.0.0.1:${port}` });
  redis.on("error", (error) => console.error(error.message));
  await redis.connect();
  return {
    get: (key) => redis.get(key),
    set: (key, value) => redis.set(key, value),
    ping: () => redis.ping(),
    close: () => redis.destroy(),
  };
}
