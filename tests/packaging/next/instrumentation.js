export async function register() {
  if (process.env.NEXT_RUNTIME !== "nodejs") return;
  const { ask } = await import("./lib/redis.js");
  await ask("instrumentation", (redis) => redis.incr("instrumentation"));
}
