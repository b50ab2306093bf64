/** Durations: milliseconds, or text with a unit. */

/**
 * A positive number of milliseconds, or text like `"250ms"`, `"1.5s"`, `"5m"`, `"2h"`, `"1d"`. More than 23 days count
 * as 23 days.
 */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Timers and the core's clock wrap at 2³¹ milliseconds. */
const LONGEST = 23 * 86_400_000;

/** Converts to milliseconds, at most `longest`; undefined if it is not a positive duration. */
export function milliseconds(duration: unknown, longest = LONGEST): number | undefined {
  if (typeof duration === "number") {
    return duration > 0 && Number.isFinite(duration) ? Math.min(duration, longest) : undefined;
  }
  const parts = typeof duration === "string" ? /^(.*?)(ms|s|m|h|d)$/.exec(duration) : null;
  if (parts === null) return undefined;
  // Accepts every number that the type accepts, such as "1e3s" and "5 s".
  const value = Number(parts[1]) * (units[parts[2] as string] as number);
  return value > 0 && Number.isFinite(value) ? Math.min(value, longest) : undefined;
}

/** Says that an option is not a duration, and how one is written. */
export const notDuration = (name: string): string =>
  `${name} must be a positive number of milliseconds or a text like "5m"`;
