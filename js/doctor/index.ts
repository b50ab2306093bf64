/** `edgis/doctor`: names the cause when Redis cannot be used from here. */
export type { Duration } from "../client/duration.js";
export { type Entry, type FindingId, findings } from "./catalog.js";
export { diagnose } from "./diagnose.js";
export type * from "./types.js";
