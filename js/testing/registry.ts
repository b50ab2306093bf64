/** Forgets the state that tests would otherwise share. */
import { ConnectionLostError } from "../core/errors.js";
import { engineIfAny } from "../core/registry.js";
import type { Engine } from "../loop/engine.js";

/**
 * Forgets the shared links, for between two tests. Every link of the process is closed at once; outages, backoffs and
 * counters are forgotten. What is pending rejects with an error of kind `ConnectionLostError`, reason `closed`; a
 * connection promise that is pending resolves to `idle`. Clients stay usable: the next use of one dials anew.
 *
 * The server may still have executed the pending commands. Does nothing unless a client was used; never throws.
 */
export function resetRegistry(): void {
  const engine = engineIfAny<Engine>();
  if (engine === undefined) return;
  const { pending, targets, deaths } = engine;
  for (const tag of pending.tags()) {
    const command = pending.name(tag);
    const target = pending.owner(tag)?.target.display ?? "redis";
    const text = `${command}: resetRegistry() closed the connection to ${target}; the server may have executed it`;
    pending.reject(tag, new ConnectionLostError(text, "closed", { command, target, sent: "maybe" }), true);
  }
  for (const target of targets.values()) {
    target.wanted = false;
    target.joins = target.writes = target.externalBytes = target.divertedBytes = 0;
  }
  // Replaces the core as after a death, without counting one.
  const counted = deaths.splice(0);
  engine.replace(undefined);
  deaths.splice(0, deaths.length, ...counted);
}
