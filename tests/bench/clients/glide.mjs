import { GlideClient } from "@valkey/valkey-glide";

export async function open(port, { patience = 5000, flight = 1000 } = {}) {
  // its default deadline of 250 ms would turn a busy machine into errors, and it refuses more than `flight` at once
  const redis = await GlideClient.createClient({
    addresses: [{ host: "127.0.0.1", port }],
    requestTimeout: patience,
    inflightRequestsLimit: flight,
  });
  return {
    get: (key) => redis.get(key),
    set: (key, value) => redis.set(key, value),
    ping: () => redis.ping(),
    close: () => redis.close(),
  };
}
