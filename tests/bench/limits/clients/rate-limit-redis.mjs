import { Redis } from "ioredis";
import { RedisStore } from "rate-limit-redis";

export async function open(port, { limit }) {
  const client = new Redis(port, "127.0.0.1", { enableAutoPipelining: true });
  const store = new RedisStore({ sendCommand: (command, ...args) => client.call(command, ...args), prefix: "bench:" });
  await store.init({ windowMs: 3_600_000 });
  return {
    take: async (key) => (await store.increment(key)).totalHits <= limit,
    close: () => client.disconnect(),
  };
}
