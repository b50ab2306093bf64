// A client a request: its socket belongs to the request that opened it.
import { Redis } from "ioredis";
import { serve } from "./serve.mjs";

export default serve(
  (url) => new Redis(url, { enableReadyCheck: false }),
  (client) => client.disconnect(),
);
