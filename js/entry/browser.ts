/** The package in browsers, which open no TCP connections: it can be imported, and says so. */
import { bindAbsent } from "../client/absent.js";

export * from "../index.js";
export const createClient = bindAbsent({
  message: "browsers open no TCP connections, and this bundle was made for one",
  hint: "call Redis from code that runs on a server, and build that for its runtime (node, workerd, deno, bun)",
});
