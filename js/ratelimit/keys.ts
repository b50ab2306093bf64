/** How identifiers are written in Redis: in bounds, in one slot, and so that no input of a user's becomes another's key. */
import { sha256 } from "../core/sha256.js";
import { KINDS, type Rule } from "./rules.js";

/** Longer ones, in UTF-8, are replaced by their SHA-256. */
const LONGEST = 128;

const encoder = new TextEncoder();
/** Braces would end the part of a key that names its slot; `#` begins a hash. Surrogates may be halves of characters. */
const plain = /^[^#{}\ud800-\udfff][^{}\ud800-\udfff]*$/;

/** The text under which an identifier is known. */
export function encodeIdentifier(key: string): string {
  if (plain.test(key) && (key.length * 3 <= LONGEST || encoder.encode(key).length <= LONGEST)) return key;
  // JSON writes half a character as such, which UTF-8 cannot.
  return `#${sha256(encoder.encode(JSON.stringify(key)))}`;
}

/**
 * The parts of a key around an identifier. The part after it says how to read the state: processes deployed with other
 * windows or algorithms must not read each other's, while a raised limit applies to what was already used.
 */
export function keyspace(name: string, rules: readonly Rule[]): { front: string; back: string } {
  const shape = rules.map(({ algorithm, window }) => KINDS[algorithm] + window.toString(36)).join(".");
  return { front: `rl:{${name}:`, back: `}${shape}` };
}
