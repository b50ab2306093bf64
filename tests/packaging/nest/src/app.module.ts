import { Body, Controller, Get, Inject, Module, Param, Put } from "@nestjs/common";
import { type Client, isRedisError } from "edgis";
import { REDIS, RedisModule } from "./redis.module";

@Controller("values")
export class Values {
  constructor(@Inject(REDIS) private readonly redis: Client) {}

  @Put(":key")
  async put(@Param("key") key: string, @Body() body: { value: string }): Promise<{ stored: boolean }> {
    return { stored: (await this.redis.set(key, body.value)) === "OK" };
  }

  @Get(":key")
  async get(@Param("key") key: string): Promise<{ value: string | null; kind?: string }> {
    try {
      return { value: await this.redis.get(key) };
    } catch (error) {
      if (!isRedisError(error)) throw error;
      return { value: null, kind: error.kind };
    }
  }
}

@Module({ imports: [RedisModule], controllers: [Values] })
export class AppModule {}
