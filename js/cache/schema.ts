import type { StandardSchema } from "./types.js";

/** What a schema makes of a value from the cache; undefined when that does not pass, or the schema throws. */
export async function passed(schema: StandardSchema<unknown>, value: unknown): Promise<{ value: unknown } | undefined> {
  try {
    const result = await schema["~standard"].validate(value);
    return result.issues === undefined ? { value: result.value } : undefined;
  } catch {
    return undefined;
  }
}
