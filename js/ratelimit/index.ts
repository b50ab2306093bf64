/** `edgis/ratelimit`: limits how often something may happen, and is never in the way. */
export { RateLimit } from "./limiter.js";
export type * from "./types.js";
