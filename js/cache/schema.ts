import type { Inside } from "../client/inside.js";
import { within } from "../client/within.js";
import { isPromise } from "./failure.js";
import type { StandardSchema } from "./types.js";

/** What a schema makes of a value from the cache; undefined when that does not pass, or the schema throws or takes too long. */
export async function passed(
  schema: StandardSchema<unknown>,
  value: unknown,
  inside: Inside,
  limit: number,
): Promise<{ value: unknown } | undefined> {
  try {
    const given = schema["~standard"].validate(value);
    const result = isPromise(given)
      ? await within(given as Promise<Awaited<typeof given>>, inside, limit, undefined)
      : (given as Awaited<typeof given>);
    return result !== undefined && result.issues === undefined ? { value: result.value } : undefined;
  } catch {
    return undefined;
  }
}
