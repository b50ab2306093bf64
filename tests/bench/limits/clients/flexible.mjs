import { Redis } from "ioredis";
import { RateLimiterRedis } from "rate-limiter-flexible";

export const openWith =
  (options) =>
  (port, { limit }) => {
    const client = new Redis(port, "127.0.0.1", options);
    const limits = new RateLimiterRedis({ storeClient: client, keyPrefix: "bench", points: limit, duration: 3600 });
    return {
      take: (key) =>
        limits.consume(key).then(
          () => true,
          (denied) => {
            if (denied instanceof Error) throw denied;
            return false;
          },
        ),
      close: () => client.disconnect(),
    };
  };

export const open = openWith({});
