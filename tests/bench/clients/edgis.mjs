import { createClient } from "edgis";

export async function open(port, { patience } = {}) {
  const timeouts = patience ? { command: patience } : undefined;
  const redis = createClient({ url: `redis://127.0.0.1:${port}`, timeouts });
  const status = await redis.init();
  if (status.state !== "ready") throw new Error(`edgis is ${status.state}: ${status.reason} ${status.hint ?? ""}`);
  return {
    get: (key) => redis.get(key),
    set: (key, value) => redis.set(key, value),
    ping: () => redis.ping(),
    stats: () => redis.stats(),
    close: () => redis.close(),
  };
}
