/** The public names. */
import type { CreateClient } from "./client/api.js";

export type * from "./client/api.js";
export type { Value } from "./client/arguments.js";
export type * from "./client/commands.js";
export type { Duration } from "./client/duration.js";
export type * from "./client/types.js";
export * from "./core/errors.js";
export type * from "./core/status.js";
export type { ObjectChoice, ObjectNamespace, ObjectStub } from "./object/via.js";
export type { Credentials, TlsOptions } from "./transport/security.js";

// Each entry binds it to its runtime.
export declare const createClient: CreateClient;
