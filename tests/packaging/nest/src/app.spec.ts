import type { AddressInfo } from "node:net";
import { Test } from "@nestjs/testing";
import { type RedisServer, resetRegistry, startRedis } from "edgis/testing";
import { AppModule, Values } from "./app.module";

describe("an app on Nest", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
    process.env.REDIS_URL = server.url;
  });
  afterAll(() => server.stop());

  it("sets and gets by a controller, and over HTTP", async () => {
    const testing = await Test.createTestingModule({ imports: [AppModule] }).compile();
    const app = testing.createNestApplication();
    await app.listen(0, "127.0.0.1");
    const values = app.get(Values);
    expect(await values.put("k", { value: "grüße" })).toEqual({ stored: true });
    const { port } = app.getHttpServer().address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}/values/k`);
    expect(await response.json()).toEqual({ value: "grüße" });

    await server.kill();
    resetRegistry();
    expect(await values.get("k")).toEqual({ value: null, kind: "DisabledError" });
    await app.close();
  });
});
