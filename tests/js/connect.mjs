// The way to connect: the package as the runtime gets it, or what EDGIS_CONNECT names in its place, as a client that lives
// somewhere else. Tests that take theirs from here run on every runtime: see on.mjs.
import "./linear.mjs";

export const { createClient, isRedisError, ReplyError, UsageError } = await import(
  process.env.EDGIS_CONNECT ?? "edgis"
);
