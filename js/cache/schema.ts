import type { Inside } from "../client/inside.js";
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
    const result = isPromise(given) ? await within(given as Promise<Awaited<typeof given>>, inside, limit) : given;
    const { issues, value: made } = result as Exclude<typeof result, Promise<unknown>> & { value?: unknown };
    return issues === undefined ? { value: made } : undefined;
  } catch {
    return undefined;
  }
}

function within<T>(promise: Promise<T>, inside: Inside, limit: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = inside.setTimer(() => reject(new Error("the schema did not answer")), limit);
    timer.hold(true);
    promise.then(
      (value) => {
        timer.clear();
        resolve(value);
      },
      (error) => {
        timer.clear();
        reject(error);
      },
    );
  });
}
