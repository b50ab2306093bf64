// One of several processes that use up a limit: prints how many requests it was allowed.
import { createClient } from "edgis";
import { RateLimit } from "edgis/ratelimit";

const [url, options, milliseconds, skew] = process.argv.slice(2);
// Clocks of clients are wrong, and must not matter.
const now = Date.now;
Date.now = () => now() + Number(skew);

const redis = createClient({ url, logger: false });
const limits = new RateLimit(redis, JSON.parse(options));
const end = performance.now() + Number(milliseconds);
let allowed = 0;
let others = 0;
while (performance.now() < end) {
  const decisions = await Promise.all(Array.from({ length: 5 }, () => limits.limit("shared")));
  for (const decision of decisions) {
    if (decision.decidedBy !== "redis") others += 1;
    else if (decision.allowed) allowed += 1;
  }
  await new Promise((resolve) => setTimeout(resolve, 1));
}
await redis.close();
console.log(JSON.stringify({ allowed, others }));
