// The same package as an ES module in Jest: node --experimental-vm-modules.
import { createClient, ReplyError } from "edgis";
import { startRedis } from "edgis/testing";

test("sets and gets", async () => {
  const server = await startRedis();
  const redis = createClient({ url: server.url, logger: false });
  expect(await redis.set("k", "grüße")).toBe("OK");
  expect(await redis.get("k")).toBe("grüße");
  await expect(redis.call("NOSUCH")).rejects.toBeInstanceOf(ReplyError);
  await redis.close();
  await server.stop();
});
