/** The same for Nitro, whose plugin gives the compiled module where it is asked for in these words. */
import type { RunInScope } from "../client/scope.js";
import type { CreateClient } from "../index.js";
import { around } from "./cloudflare.js";
import module from "./edgis.wasm?module";

const workers = /* @__PURE__ */ around(module);

export * from "../index.js";
export const createClient: CreateClient = workers.createClient;
export const scope: RunInScope = workers.scope;
