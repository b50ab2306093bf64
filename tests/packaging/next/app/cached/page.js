import { cacheLife } from "next/cache";
import { ask } from "../../lib/redis.js";

// Asks Redis while the app is built.
async function built() {
  "use cache";
  cacheLife("max");
  return ask("cached", (redis) => redis.get("cached"), "without Redis");
}

export default async function Page() {
  return <p id="cached">{await built()}</p>;
}
