// Compiled, never run: the class of a Durable Object, as README shows it and with everything written down.
import { type ClientOptions, createClient } from "edgis";
import { type ObjectOptions, RedisObject } from "edgis/durable-object";
import { scope } from "edgis/workerd";

interface Env {
  UPSTREAM: string;
}

export class Plain extends RedisObject {}

export class Inferred extends RedisObject {
  static override options = (env: Env) => ({ url: env.UPSTREAM, idle: "10s" });
}

export class Method extends RedisObject<Env> {
  static override options({ UPSTREAM: url }: Env) {
    return { url, idle: 500, integers: "bigint", timeouts: { connect: "1s" }, retry: { cap: "5s" }, tls: { ca: "x" } };
  }
}

export class Exact extends RedisObject<Env> {
  static override options = (env: Env): ObjectOptions => ({ url: env.UPSTREAM, idle: "10s" });
}

// @ts-expect-error: that is no logger.
export class Wrong extends RedisObject {
  static override options = () => ({ logger: "loud" });
}

// A binding that not every environment has.
export const optional = (via: ClientOptions["via"]) => createClient({ via, url: "redis://127.0.0.1:6379" });

export const run = (context: { waitUntil(promise: Promise<unknown>): void }): Promise<number> =>
  scope(context, () => 1);
