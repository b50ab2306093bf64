/** A Durable Object class that holds one connection for all requests of the Workers that have it bound. */
import { objectClass, type RedisObjectClass } from "../object/object.js";
// Reached from all entries, it stands in the file that they share: from two alone it would be a file of its own.
import "../index.js";
import { around } from "./cloudflare.js";
import module from "./edgis.wasm";

export type { GivenObjectOptions, ObjectOptions, RedisObjectClass } from "../object/object.js";
export const RedisObject: RedisObjectClass = objectClass(around(module).createClient);
