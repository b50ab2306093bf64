import { BentoCache, bentostore } from "bentocache";
import { memoryDriver } from "bentocache/drivers/memory";
import { redisDriver } from "bentocache/drivers/redis";

export async function open(port, { memory }) {
  const store = bentostore();
  if (memory) store.useL1Layer(memoryDriver({ maxItems: 100_000 }));
  store.useL2Layer(redisDriver({ connection: { host: "127.0.0.1", port } }));
  const cache = new BentoCache({ default: "bench", stores: { bench: store } });
  return {
    getOrSet: (key, load) => cache.getOrSet({ key, ttl: "10m", factory: load }),
    close: () => cache.disconnectAll(),
  };
}
