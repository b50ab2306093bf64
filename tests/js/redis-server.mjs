// Throwaway servers are those of `edgis/testing`. The benches need this: a package of their own hides that from them.
export { findRedisServer, freePort, startRedis } from "edgis/testing";
