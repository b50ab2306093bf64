/** `edgis/cache`: a cache that is never in the way, and never stale after an invalidation. */
import { RedisCache } from "./cache.js";
import type { Cache, CacheOptions } from "./types.js";

export type { Codec } from "./codec.js";
export type { CacheKey, KeyPart } from "./keys.js";
export type * from "./types.js";
export { absent } from "./types.js";

/**
 * Makes a cache. Inert: nothing is sent, no timer set and no clock read before its first use.
 *
 * @throws ConfigError for options that make no sense
 */
export const createCache = (options: CacheOptions): Cache => new RedisCache(options);
