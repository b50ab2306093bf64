/**
 * Headers by the IETF's draft "RateLimit header fields for HTTP" (draft-ietf-httpapi-ratelimit-headers, since -08): lists of
 * strings with parameters, in whole seconds. A client that waits as long as it is told must not come too soon: all is rounded up.
 */
import type { Rule } from "./rules.js";
import type { Decision } from "./types.js";

const seconds = (milliseconds: number): number => Math.ceil(milliseconds / 1000);

export function headersOf(rules: readonly Rule[], decision: Decision): Record<string, string> {
  const { allowed, retryAfter } = decision;
  const policies = rules.map(
    ({ name, limit, window }) => `"${name}";q=${limit};w=${Math.max(1, seconds(window / 1000))}`,
  );
  const headers: Record<string, string> = {
    "RateLimit-Policy": policies.join(", "),
    RateLimit: `"${decision.rule}";r=${decision.remaining};t=${seconds(decision.resetAfter)}`,
  };
  if (!allowed && retryAfter !== null) headers["Retry-After"] = `${Math.max(1, seconds(retryAfter))}`;
  return headers;
}

/** RFC 9457's document, of the type that the draft registers. */
export function responseOf(headers: Record<string, string>, decision: Decision): Response {
  const problem = {
    type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
    title: "Too many requests",
    status: 429,
    "violated-policies": [decision.rule],
  };
  return new Response(JSON.stringify(problem), {
    status: 429,
    headers: { ...headers, "Content-Type": "application/problem+json" },
  });
}
