import { redis } from "../lib/redis.js";

export const dynamic = "force-dynamic";

export default async function Page() {
  return <p id="count">{await redis.incr("count")}</p>;
}
