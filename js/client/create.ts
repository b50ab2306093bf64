import type { Runtime } from "../transport/types.js";
import type { Client, CreateClient } from "./api.js";
import { BaseClient } from "./client.js";
import { defineCommands } from "./methods.js";
import type { ClientOptions } from "./types.js";

defineCommands(BaseClient.prototype);

/** `createClient` for a runtime. */
export function bind(runtime: Runtime): CreateClient {
  return ((options: ClientOptions = {}) => new BaseClient(runtime, options) as unknown as Client) as CreateClient;
}
