// What the tests of the cache have in common: a server, a proxy that fails when told to, clients and caches.
import { setTimeout as sleep } from "node:timers/promises";
import { createCache } from "edgis/cache";
import { scene } from "../faults/scene.mjs";

export { best, caught, until } from "../faults/scene.mjs";
export { sleep };

/** Both protocols: what a cache does must not depend on them. */
export const protocols = [2, 3];

/** A scene with caches; each has a client of its own, in this process or through the proxy. */
export async function cacheScene(t, args = []) {
  const base = await scene(t, args);
  return {
    ...base,
    cache(options = {}, clientOptions = {}) {
      const client = base.client(clientOptions);
      return createCache({ client, namespace: "app", ttl: "1m", ...options });
    },
  };
}

/** A loader that counts its runs, and takes so many milliseconds. */
export function counting(value = (n) => n, takes = 0) {
  const loader = async () => {
    loader.runs += 1;
    const run = loader.runs;
    if (takes > 0) await sleep(takes);
    return typeof value === "function" ? value(run) : value;
  };
  loader.runs = 0;
  return loader;
}
