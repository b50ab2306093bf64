import type { Runtime } from "../transport/types.js";
import type { Client, CreateClient } from "./api.js";
import { BaseClient } from "./client.js";
import { defineCommands } from "./methods.js";
import { optionsOf } from "./options.js";
import type { ClientOptions } from "./types.js";

defineCommands(BaseClient.prototype);

/** `createClient` for a runtime. */
export function bind(runtime: Runtime): CreateClient {
  return ((given?: ClientOptions | string | URL, more?: ClientOptions) =>
    new BaseClient(runtime, optionsOf(given, more)) as unknown as Client) as CreateClient;
}
