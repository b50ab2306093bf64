// One of several processes that want the same value at the same moment: says how often it loaded.
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "edgis";
import { createCache } from "edgis/cache";

const { url, protocol, calls, takes, keys } = JSON.parse(process.argv[2]);
// Who has no time left loads without asking: that is not what is counted here.
const timeouts = { connect: "20s", command: "20s" };
const client = createClient({ url, protocol, logger: false, timeouts });
const cache = createCache({ client, namespace: "stampede", ttl: "1m", timeout: "20s", leaseWait: "20s" });
await client.ping();
process.send("ready");
process.once("message", async () => {
  let loads = 0;
  const load = async () => {
    loads += 1;
    await sleep(takes);
    return "loaded";
  };
  const start = performance.now();
  const all = await Promise.all(Array.from({ length: calls }, (_, i) => cache.getOrSet(["k", i % keys], load)));
  const wrong = all.filter((value) => value !== "loaded").length;
  process.send({ loads, wrong, time: performance.now() - start, stats: cache.stats() });
  await client.close();
  process.disconnect();
});
