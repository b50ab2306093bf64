/** Scripts that a server runs. */

/** A script and the SHA-1 of its text, under which a server that has run it once knows it. */
export interface Script {
  readonly sha: string;
  readonly text: string;
}

type Argument = string | number | Uint8Array;

/** Of a client, the part that sends a command whose arguments stand in an array. */
export interface Sends {
  callAll(args: readonly unknown[]): Promise<unknown>;
}

/**
 * Runs a script by its hash, and whole where the server does not know it: no server keeps scripts for ever (restarts, SCRIPT
 * FLUSH, and since Redis 7.4 the eviction of what EVAL loaded). The second attempt stands behind what was staged meanwhile, so
 * this is for scripts that do not rely on their place in the order.
 */
export function evaluate(
  client: Sends,
  script: Script,
  keys: readonly string[],
  args: readonly Argument[],
): Promise<unknown> {
  return client.callAll(["EVALSHA", script.sha, keys.length, ...keys, ...args]).catch((error: unknown) => {
    if ((error as { code?: unknown } | undefined)?.code !== "NOSCRIPT") throw error;
    return client.callAll(["EVAL", script.text, keys.length, ...keys, ...args]);
  });
}
