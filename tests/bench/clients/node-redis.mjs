import { createClient } from "redis";

export async function open(port, { patience } = {}) {
  const redis = createClient({
    url: `redis://127.0.0.1:${port}`,
    // its default of 5 s for unsent commands is too little for 100,000 of them on a busy machine
    ...(patience && { commandOptions: { timeout: patience } }),
  });
  redis.on("error", (error) => console.error(error.message));
  await redis.connect();
  return {
    get: (key) => redis.get(key),
    set: (key, value) => redis.set(key, value),
    ping: () => redis.ping(),
    close: () => redis.destroy(),
  };
}
