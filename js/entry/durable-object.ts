/** A Durable Object class that holds one connection for all requests of the Workers that have it bound. */
import { objectClass, type RedisObjectClass } from "../object/object.js";
import { createClient } from "./workerd.js";

export type { GivenObjectOptions, ObjectOptions, RedisObjectClass } from "../object/object.js";
export const RedisObject: RedisObjectClass = objectClass(createClient);
