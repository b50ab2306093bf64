/** The package on edge runtimes without TCP, such as Next.js's: it can be imported, and says so. */
import { bindAbsent } from "../client/absent.js";

export * from "../index.js";
export const createClient = bindAbsent({
  message: "this edge runtime opens no TCP connections",
  hint: 'run this code on Node: in Next.js leave out `export const runtime = "edge"`, and use proxy.ts in place of middleware.ts',
});
