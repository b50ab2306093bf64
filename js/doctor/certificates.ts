/** The certificates and keys in the options, before anything is dialled with them. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { messageOf } from "../core/errors.js";
import type { TlsOptions } from "../transport/security.js";
import type { FindingId } from "./catalog.js";

/** A mistake in the options; their content is never repeated. */
export interface Flaw {
  readonly id: FindingId;
  readonly evidence: string;
  /** A handshake can be tried with it all the same: the server decides. */
  readonly passes?: true;
}

type Pem = string | Uint8Array;

const textOf = (value: Pem): string => (typeof value === "string" ? value : Buffer.from(value).toString("latin1"));

export function flawsOf(tls: TlsOptions): Flaw[] {
  const { ca, cert, key, passphrase } = tls;
  const authorities = ca === undefined ? [] : Array.isArray(ca) ? ca : [ca];
  const flaws = [
    ...authorities.map((value) => flawOfText("tls.ca", value)),
    cert === undefined ? undefined : flawOfText("tls.cert", cert),
    key === undefined ? undefined : flawOfText("tls.key", key),
  ].filter((flaw) => flaw !== undefined);
  if (flaws.length > 0) return flaws;
  for (const value of authorities) {
    const flaw = flawOfCertificate("tls.ca", value);
    if (flaw !== undefined) flaws.push(flaw);
  }
  if (cert !== undefined) {
    const flaw = flawOfCertificate("tls.cert", cert);
    if (flaw !== undefined) flaws.push(flaw);
    if (key === undefined)
      flaws.push({ id: "tls.pem", evidence: "tls.cert is there and tls.key is not", passes: true });
  }
  if (key !== undefined) {
    const flaw = flawOfKey(key, passphrase);
    if (flaw !== undefined) flaws.push(flaw);
  }
  if (flaws.length > 0 || cert === undefined || key === undefined) return flaws;
  try {
    createSecureContext({ cert: textOf(cert), key: textOf(key), ...(passphrase === undefined ? {} : { passphrase }) });
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    const isOther = /MISMATCH/i.test(code) || /mismatch/i.test(messageOf(error));
    flaws.push({
      id: isOther ? "tls.key-mismatch" : "tls.pem",
      evidence: `OpenSSL refuses tls.cert and tls.key: ${code}`,
    });
  }
  return flaws;
}

/** Finds mistakes in a PEM that show without parsing it. */
function flawOfText(name: string, value: Pem): Flaw | undefined {
  const text = textOf(value).trim();
  if (text === "") return { id: "tls.pem", evidence: `${name} is empty` };
  if (!text.includes("-----BEGIN")) {
    const isPath = text.length < 1_024 && !/\s/.test(text) && /^[.~]{0,2}[/\\]|\.(pem|crt|cer|key)$/i.test(text);
    if (isPath) return { id: "tls.pem-path", evidence: `${name} looks like the path of a file` };
    return { id: "tls.pem", evidence: `${name} does not begin with -----BEGIN` };
  }
  if (text.includes("\\n") && !text.includes("\n"))
    return { id: "tls.pem-newlines", evidence: `${name} has \\n where its lines end` };
  if (!text.includes("-----END")) return { id: "tls.pem", evidence: `${name} has no -----END: it was cut off` };
  return undefined;
}

function flawOfCertificate(name: string, value: Pem): Flaw | undefined {
  try {
    const certificate = new X509Certificate(textOf(value));
    if (name === "tls.cert" && Date.parse(certificate.validTo) < Date.now())
      return { id: "tls.own-expired", evidence: `${name} was valid until ${certificate.validTo}`, passes: true };
    return undefined;
  } catch (error) {
    const { code = "unreadable" } = error as NodeJS.ErrnoException;
    return { id: "tls.pem", evidence: `${name} is no certificate: ${code}` };
  }
}

function flawOfKey(key: Pem, passphrase: string | undefined): Flaw | undefined {
  const text = textOf(key);
  try {
    createPrivateKey({ key: text, ...(passphrase === undefined ? {} : { passphrase }) });
    return undefined;
  } catch (error) {
    const { code = "unreadable" } = error as NodeJS.ErrnoException;
    const isEncrypted = /-----BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(text);
    if (isEncrypted)
      return {
        id: "tls.key-encrypted",
        evidence: passphrase === undefined ? "tls.key is encrypted" : `tls.passphrase does not open tls.key: ${code}`,
      };
    return { id: "tls.pem", evidence: `tls.key is no private key: ${code}` };
  }
}
