import { createClient } from "edgis";
import { RateLimit } from "edgis/ratelimit";

export function open(port, { limit, algorithm }) {
  const client = createClient({ url: `redis://127.0.0.1:${port}`, logger: false });
  // On a slow machine the process must not decide on its own.
  const limits = new RateLimit(client, { name: "bench", limit, window: "1h", algorithm, timeout: "10s" });
  return {
    async take(key) {
      const { allowed, decidedBy } = await limits.limit(key);
      if (decidedBy !== "redis") throw new Error(`decided by ${decidedBy}`);
      return allowed;
    },
    close: () => client.close(),
  };
}
