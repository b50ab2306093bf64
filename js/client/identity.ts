/** The part of a target's identity that the core does not see: TLS settings and credentials functions. */
import type { Engine } from "../loop/engine.js";
import type { Target } from "../loop/target.js";
import type { TlsOptions } from "../transport/security.js";
import type { Settings } from "./options.js";

/** Equal for settings of TLS that mean the same, and empty for none: a certificate may be text or bytes. */
export function keyOfTls(tls: TlsOptions): string {
  const given = Object.entries(tls).filter(([, value]) => value !== undefined);
  if (given.length === 0) return "";
  return JSON.stringify(given.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => [name, textOf(value)]));
}

function textOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 1 ? textOf(value[0]) : value.map(textOf);
  if (!ArrayBuffer.isView(value)) return value;
  let text = "";
  for (const byte of new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
    text += String.fromCharCode(byte);
  return text;
}

/** The server and the database of a URL, for people and to compare; undefined for what only the core can read. */
export function placeOf(text: string | undefined, db: number | undefined): string | undefined {
  try {
    const { hostname, port, pathname, searchParams } = new URL((text ?? "").trim());
    const ofUrl = searchParams.get("db") ?? searchParams.get("database") ?? (hostname === "" ? "" : pathname.slice(1));
    const server = hostname === "" ? pathname : `${hostname.toLowerCase()}:${port || 6379}`;
    return `${server}, database ${db ?? Number.parseInt(ofUrl || "0", 10)}`;
  } catch {
    return undefined;
  }
}

/** Warnings about a client that joins a target with settings that conflict; each is logged once. */
export function conflicts(engine: Engine, target: Target, { id, place, target: own, share }: Settings): string[] {
  const told: string[] = [];
  const tell = (about: string, text: string) => {
    if (engine.told.get(about) === text) return;
    engine.told.set(about, text);
    told.push(text);
  };
  target.place ??= place;
  const first = target.place;
  if (id !== undefined && place !== undefined && first !== undefined && first !== place)
    tell(`id ${id}`, `one id is given for ${first} and for ${place}: all go to ${first}`);
  // Where links belong to requests each has one of its own in any case.
  const isShared = share && engine.requests === undefined;
  if (id === undefined && isShared && own.credentials !== undefined && target.handles === 1) {
    for (const other of engine.targets.values()) {
      const { credentials } = other.settings;
      const isLike = other !== target && other.scope === target.scope && other.place === place && place !== undefined;
      if (!isLike || credentials === undefined || credentials === own.credentials) continue;
      const advice = `if both stand for one user, as in two copies of a module, give an id: createClient({ id: "${target.display}", … })`;
      tell(`credentials ${place}`, `two credentials functions for ${place} make two connections; ${advice}`);
    }
  }
  return told;
}
