// A process that invalidates, and is frozen before it can read that this was acknowledged.
import { createClient } from "edgis";
import { createCache } from "edgis/cache";

const client = createClient({ url: process.env.URL_OF_TEST, logger: false, retry: { base: 5, cap: 50 } });
const cache = createCache({ client, namespace: "app", ttl: "5m" });
await cache.get("k");
process.send("ready");
process.on("message", async () => {
  const deleting = cache.delete("k");
  // It has been written by then.
  setImmediate(() => {
    process.send("written");
    process.kill(process.pid, "SIGSTOP");
  });
  const { outcome } = await deleting;
  process.send(outcome);
});
