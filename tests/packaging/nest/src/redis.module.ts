import { Global, Inject, Injectable, Module, type OnApplicationShutdown } from "@nestjs/common";
import { type Client, createClient } from "edgis";

export const REDIS = Symbol("redis");

/** The client closes when the application has, after what is pending. */
@Injectable()
class Shutdown implements OnApplicationShutdown {
  constructor(@Inject(REDIS) private readonly redis: Client) {}

  onApplicationShutdown(): Promise<void> {
    return this.redis.close({ drain: "2s" });
  }
}

@Global()
@Module({
  providers: [
    { provide: REDIS, useFactory: () => createClient({ url: process.env.REDIS_URL, logger: false }) },
    Shutdown,
  ],
  exports: [REDIS],
})
export class RedisModule {}
