import { appendFileSync } from "node:fs";
import { createClient } from "edgis";

// Each bundle that imports this has a copy of it, and of the package.
export const redis = createClient({ url: process.env.REDIS_URL, name: "next" });

/** Does without Redis. Notes for the test who asked and how long it took. */
export async function ask(who, question, fallback) {
  const start = performance.now();
  const answer = await question(redis).catch(() => fallback);
  if (process.env.NOTES) appendFileSync(process.env.NOTES, `${who} ${performance.now() - start}\n`);
  return answer;
}
