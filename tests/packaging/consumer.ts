// Compiled, never run: what a strict program may rely on.
import { type Client, createClient, isRedisError, type Status } from "edgis";
import { type Fault, faultProxy, type RedisServer, resetRegistry, startRedis } from "edgis/testing";

export const redis: Client = createClient({ url: process.env.REDIS_URL });

export async function program(): Promise<string | null> {
  const status: Status = await redis.init();
  if (status.state === "disabled") console.log(status.reason, status.hint);
  try {
    await redis.set("greeting", "hello", { EX: 60 });
    return await redis.get("greeting");
  } catch (error) {
    if (isRedisError(error)) {
      console.log(error.code, error.sent);
      if (error.kind === "TimeoutError") console.log(error.phase satisfies "connect" | "queue" | "reply");
      if (error.kind === "DisabledError" || error.kind === "ConnectError") console.log(error.reason);
      // @ts-expect-error: not every error has a phase.
      console.log(error.phase);
    }
    return null;
  } finally {
    await redis.close();
  }
}

export async function tested(): Promise<void> {
  const server: RedisServer = await startRedis({ args: ["--maxclients", "20"], tls: true });
  const client = createClient({ url: server.url, tls: server.tls, password: process.env.REDIS_PASSWORD });
  client.with({ timeout: undefined, signal: undefined, logger: undefined });
  await client.ready({ timeout: "1.5s" });
  // @ts-expect-error: no unit.
  client.with({ timeout: "5" });
  const fault: Fault = { toClient: { after: 3, do: { say: "?" } }, toServer: { split: 1 } };
  const proxy = await faultProxy(server.url, { host: "::1", script: ({ number }) => (number > 1 ? fault : undefined) });
  await proxy.slow(10);
  proxy.strike(fault);
  resetRegistry();
  await Promise.all([client.close(), proxy.close(), server.stop()]);
}
