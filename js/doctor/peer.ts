/** Tells by its first bytes what stands at the other end of a connection. */

/** Kinds of peers. `alert`: it wants TLS. */
export type PeerKind = "redis" | "http" | "ssh" | "memcached" | "alert" | "other";

export function kindOf(bytes: Buffer): PeerKind {
  const text = bytes.toString("latin1", 0, 512);
  if (/^HTTP\/\d|^<!doctype html|^<html/i.test(text)) return "http";
  if (text.startsWith("SSH-")) return "ssh";
  // It answers each line of what it does not know so, and Redis has no error without a dash.
  if (/^(ERROR|CLIENT_ERROR [^\r\n]*)\r\n/.test(text)) return "memcached";
  // A record of TLS: an alert (21) or a handshake (22), of version 3.x.
  if ((bytes[0] === 0x15 || bytes[0] === 0x16) && bytes[1] === 3 && (bytes[2] ?? 9) <= 4) return "alert";
  if (/^[+\-:$*_#,(=%~>!|]/.test(text)) return "redis";
  return "other";
}

/** The first line of what a peer said, for people. */
export function firstLine(bytes: Buffer): string {
  const line = bytes.toString("latin1", 0, 200).split(/\r?\n/, 1)[0] as string;
  // Of what is no text at all a few bytes tell more.
  return /^[\x20-\x7e]+$/.test(line) ? line : `bytes ${bytes.toString("hex", 0, 16)}`;
}
