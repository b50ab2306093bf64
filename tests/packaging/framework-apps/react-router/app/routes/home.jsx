import { redis } from "../redis.server.js";

export const loader = async () => ({ count: await redis.incr("count") });

export default function Home({ loaderData }) {
  return <p id="count">{loaderData.count}</p>;
}
