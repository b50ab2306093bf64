/** Scripts that a server runs. */

/** A script and the SHA-1 of its text, under which a server that has run it once knows it. */
export interface Script {
  readonly sha: string;
  readonly text: string;
}

type Argument = string | Uint8Array;

/** Of a client, the part that sends arguments that need no conversion. */
export interface Sends {
  send(args: readonly Argument[]): Promise<unknown>;
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
  const send = (command: string, name: string) => client.send([command, name, `${keys.length}`, ...keys, ...args]);
  return send("EVALSHA", script.sha).catch((error: unknown) => {
    if ((error as { code?: unknown } | undefined)?.code !== "NOSCRIPT") throw error;
    return send("EVAL", script.text);
  });
}
