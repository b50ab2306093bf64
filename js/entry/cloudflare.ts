/** The package on Cloudflare Workers, around the core as a bundler gave it: nothing may be compiled from bytes there. */
import { bind } from "../client/create.js";
import { bindScope, type RunInScope } from "../client/scope.js";
import type { CreateClient } from "../index.js";
import type { Platform } from "../loop/engine.js";
import { Requests } from "../loop/requests.js";
import { viaOf } from "../object/via.js";
import { moduleOf, workerdRuntime } from "../transport/workerd.js";

export function around(module: unknown): { createClient: CreateClient; scope: RunInScope } {
  const platform: Platform = {
    ...workerdRuntime,
    compile: () => moduleOf(module),
    via: (options, identify) => viaOf(workerdRuntime.now, options, identify),
    tellApart: (engine, mark) => new Requests(engine, mark),
  };
  return { createClient: bind(platform), scope: bindScope(platform) };
}
