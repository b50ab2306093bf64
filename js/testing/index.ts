// AsyncDisposable, which most tsconfig files do not include.
/// <reference lib="esnext.disposable" preserve="true" />
/** `edgis/testing`: what a test needs to run an app against a real Redis, and against one that fails. */
export type { Certificate } from "./certificate.js";
export type { Fault, Flow, ProxiedConnection, Script, Strike } from "./faults.js";
export { type FaultProxy, type FaultProxyOptions, faultProxy } from "./proxy.js";
export {
  findRedisServer,
  freePort,
  type RedisOptions,
  type RedisServer,
  type RestartOptions,
  startRedis,
} from "./redis.js";
export { resetRegistry } from "./registry.js";
