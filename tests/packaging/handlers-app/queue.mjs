// A Worker that fills a queue of its own, and empties it.
import { createClient } from "edgis";

const known = { url: undefined };
const redis = createClient({ url: () => known.url, logger: false });

const routes = {
  "/one": async ({ JOBS }) => JOBS.send("done"),
  "/many": async ({ JOBS }) => JOBS.sendBatch(Array.from({ length: 20 }, () => ({ body: "done" }))),
};

export default {
  async fetch({ url }, env) {
    await routes[new URL(url).pathname](env);
    return Response.json("sent");
  },
  async queue(batch, env) {
    known.url ??= env.REDIS_URL;
    const done = batch.messages.map(async (message) => {
      await redis.incr(message.body);
      message.ack();
    });
    await Promise.all(done);
  },
};
