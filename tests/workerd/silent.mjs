// A worker whose commands show how often they were executed, and whose reply they got.
import { createClient, scope } from "edgis/workerd";

let env;
const lines = [];
const logger = { info() {}, warn: (line) => lines.push(line) };
const redis = createClient({ url: () => env.REDIS_URL, logger });
let early;
redis.incr("early").catch(({ code }) => {
  early = code;
});
const SCRIPT = 'redis.call("INCR", "times:" .. ARGV[1]); return ARGV[1]';

async function run(told, id) {
  const name = `${id}:${told}`;
  return redis.call("EVAL", SCRIPT, "0", name).then(
    (value) => ({ told, value }),
    ({ kind, sent }) => ({ told, error: { kind, sent } }),
  );
}

const routes = {
  async alone({ id }) {
    const start = Date.now();
    const done = [];
    for (const told of ["first", "second"]) done.push(await run(told, id));
    return { done, status: redis.status(), milliseconds: Date.now() - start };
  },
  async explicit({ id }, context) {
    return scope(context, async () => {
      await redis.set(`a:${id}`, id);
      return { value: await redis.set(`b:${id}`, id) };
    });
  },
  stats: async () => ({ refused: redis.stats().refused, lines, early }),
};

export default {
  async fetch(request, bindings, context) {
    env = bindings;
    const { pathname, searchParams } = new URL(request.url);
    return Response.json(await routes[pathname.slice(1)](Object.fromEntries(searchParams), context));
  },
};
