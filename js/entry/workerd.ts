/** The package on Cloudflare Workers: the core is imported as a module, since nothing may be compiled from bytes there. */
import { bind } from "../client/create.js";
import { bindScope, type RunInScope } from "../client/scope.js";
import type { CreateClient } from "../index.js";
import { Requests } from "../loop/requests.js";
import { viaOf } from "../object/via.js";
import type { Runtime } from "../transport/types.js";
import { moduleOf, workerdRuntime } from "../transport/workerd.js";
import module from "./edgis.wasm";

const runtime: Runtime = {
  ...workerdRuntime,
  compile: () => moduleOf(module),
  via: (options, identify) => viaOf(workerdRuntime.now, options, identify),
  tellApart: (engine, mark) => new Requests(engine, mark),
};

export * from "../index.js";
export const createClient: CreateClient = bind(runtime);
export const scope: RunInScope = bindScope(runtime);
