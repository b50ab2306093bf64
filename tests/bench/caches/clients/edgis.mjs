import { createClient } from "edgis";
import { createCache } from "edgis/cache";

export async function open(port, { memory }) {
  const client = createClient({ url: `redis://127.0.0.1:${port}`, logger: false });
  const cache = createCache({
    client,
    namespace: "bench",
    ttl: "10m",
    ...(memory ? { l1: { maxBytes: 64 << 20 } } : {}),
  });
  return {
    getOrSet: (key, load) => cache.getOrSet(key, load),
    close: () => client.close(),
  };
}
