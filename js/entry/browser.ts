/** The package in browsers, which open no TCP connections: it can be imported, and says so. */
import { bindAbsent } from "../client/absent.js";

// jsdom, in which Jest runs tests on Node, asks for this entry.
const isNode = globalThis.process?.versions?.node !== undefined;

export * from "../index.js";
export const createClient = bindAbsent({
  message: "browsers open no TCP connections, and this bundle was made for one",
  hint: isNode
    ? 'in Jest use testEnvironment "node" for such a test, or with jsdom testEnvironmentOptions: { customExportConditions: ["node"] }'
    : "call Redis from code that runs on a server, and build that for its runtime (node, workerd, deno, bun)",
});
