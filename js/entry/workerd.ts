/** The package on Cloudflare Workers, for bundlers that make an import of wasm the compiled module. */
import type { RunInScope } from "../client/scope.js";
import type { CreateClient } from "../index.js";
import { around } from "./cloudflare.js";
import module from "./edgis.wasm";

const workers = /* @__PURE__ */ around(module);

export * from "../index.js";
export const createClient: CreateClient = workers.createClient;
export const scope: RunInScope = workers.scope;
