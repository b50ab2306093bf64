import type { Platform } from "../loop/engine.js";
import type { Client, CreateClient } from "./api.js";
import { BaseClient } from "./client.js";
import { defineCommands } from "./methods.js";
import { optionsOf } from "./options.js";
import type { ClientOptions } from "./types.js";

defineCommands(BaseClient.prototype);

/** `createClient` for a platform. */
export function bind(platform: Platform): CreateClient {
  return ((given?: ClientOptions | string | URL, more?: ClientOptions) =>
    new BaseClient(platform, optionsOf(given, more)) as unknown as Client) as CreateClient;
}
