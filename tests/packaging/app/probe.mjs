// What an app does with the package in every cell: it says each step as a line of JSON, and ends by itself.
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const say = (step, details) => console.log(JSON.stringify({ step, ...details }));

/** `edgis` is the package as the app got it: by import, by require() or out of a bundle. */
export async function probe(edgis) {
  let unhandled = 0;
  process.on("unhandledRejection", () => {
    unhandled += 1;
  });
  const redis = edgis.createClient({ url: process.env.REDIS_URL, name: "cell", logger: false });
  say("connected", await connected(redis));
  say("disabled", await disabled(redis, edgis, () => unhandled));
}

/** While the server is there. */
export async function connected(redis) {
  const { state, message } = await redis.init();
  const set = await redis.set("cell", "grüße");
  const get = await redis.get("cell");
  const before = redis.stats();
  const numbers = await Promise.all(Array.from({ length: 100 }, () => redis.incr("count")));
  const after = redis.stats();
  const burst = { last: numbers.at(-1), writes: after.writes - before.writes };
  return { state, message, set, get, ...burst, crossings: after.crossings - before.crossings };
}

/** Now the server is killed. `unhandled` counts rejections. */
export async function disabled(redis, { DisabledError, isRedisError }, unhandled) {
  for (const until = Date.now() + 15_000; redis.status().state !== "disabled" && Date.now() < until; ) {
    await redis.get("cell").catch(() => {});
    await sleep(10);
  }
  const { reason, hint } = redis.status();
  const error = await redis.get("cell").catch((caught) => caught);
  redis.set("fire", "and forget");
  const known = error instanceof DisabledError && isRedisError(error);
  // Who rejects is told after this turn.
  await sleep(20);
  const { state } = redis.status();
  return { state, reason, hint: typeof hint, known, kind: error.kind, unhandled: unhandled() };
}
