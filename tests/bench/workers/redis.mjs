// node-redis, a client a request.
import { createClient } from "redis";
import { serve } from "./serve.mjs";

function open(url) {
  const client = createClient({ url });
  client.on("error", () => {});
  // What is asked before waits for it.
  client.connect();
  return client;
}

export default serve(open, (client) => client.destroy());
