import type { Runtime } from "../transport/types.js";
import type { CreateClient } from "./api.js";
import { ClientClass } from "./methods.js";
import type { ClientOptions } from "./types.js";

/** `createClient` for a runtime. */
export function bind(runtime: Runtime): CreateClient {
  return ((options: ClientOptions = {}) => new ClientClass(runtime, options)) as CreateClient;
}
