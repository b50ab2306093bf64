// Certificates with exactly one fault, made on the spot.
import { createPrivateKey } from "node:crypto";
import { source } from "../js/source.mjs";

const { issue } = await source("testing/certificate.ts");
const DAY = 86_400_000;

/** A certificate and its key, PEM; by itself, or signed by `issuer`. `from` and `to` are days from now. */
export function certificate({ name = "test", names = ["localhost", "127.0.0.1"], from = -1, to = 365, issuer } = {}) {
  const validity = [from, to].map((days) => new Date(Date.now() + days * DAY));
  return issue({ name, names, validity, issuer });
}

/** The same key, encrypted. */
export const encrypted = (key, passphrase) =>
  createPrivateKey(key).export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase });
