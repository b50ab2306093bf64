// Compiled, never run: what a strict program may rely on.
import { type Client, createClient, isRedisError, type Status } from "edgis";

export const redis: Client = createClient({ url: process.env.REDIS_URL });

export async function program(): Promise<string | null> {
  const status: Status = await redis.init();
  if (status.state === "disabled") console.log(status.reason, status.hint);
  try {
    await redis.set("greeting", "hello", { EX: 60 });
    return await redis.get("greeting");
  } catch (error) {
    if (isRedisError(error)) console.log(error.code, error.sent);
    return null;
  } finally {
    await redis.close();
  }
}
