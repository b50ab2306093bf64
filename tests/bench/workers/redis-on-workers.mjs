// A client a request, as its documentation has it.
import { createRedis } from "redis-on-workers";
import { serve } from "./serve.mjs";

function open(url) {
  const client = createRedis(url);
  return { get: (key) => client.send("GET", key), close: () => client.close() };
}

export default serve(open, (client) => client.close());
