// Throwaway servers are `edgis/testing`'s. This is for the benches: a package of their own hides that from them.
export { findRedisServer, startRedis } from "edgis/testing";
