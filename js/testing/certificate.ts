/** Certificates, made on the spot: a package must not ship a private key. X.509 is RFC 5280. */
import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";

/** PEM; assignable to the `tls` option of a client. */
export interface Certificate {
  /** The authority to trust: the certificate itself. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

type Bytes = Uint8Array;

/** A DER value: tag, length, content (X.690, section 8.1). */
function der(tag: number, ...content: Bytes[]): Bytes {
  const body = Buffer.concat(content);
  const { length } = body;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
}

const sequence = (...items: Bytes[]): Bytes => der(0x30, ...items);
const text = (tag: number, value: string): Bytes => der(tag, Buffer.from(value, "latin1"));
const oid = (hex: string): Bytes => der(0x06, Buffer.from(hex, "hex"));
const integer = (bytes: Bytes): Bytes => der(0x02, bytes);

const COMMON_NAME = oid("550403");
const BASIC_CONSTRAINTS = oid("551d13");
const SUBJECT_ALT_NAME = oid("551d11");
const ECDSA_WITH_SHA256 = sequence(oid("2a8648ce3d040302"));
const TRUE = Buffer.from([0x01, 0x01, 0xff]);

/** A distinguished name (X.501) with nothing but a common name. */
const nameOf = (name: string): Bytes => sequence(der(0x31, sequence(COMMON_NAME, text(0x0c, name))));
/** A host name, an IPv4 address, or the bytes of an address. */
const altName = (name: string | Bytes): Bytes => {
  if (typeof name !== "string") return der(0x87, name);
  return /^[\d.]+$/.test(name) ? der(0x87, Buffer.from(name.split(".").map(Number))) : text(0x82, name);
};
const time = (date: Date): Bytes => text(0x18, date.toISOString().replace(/[-:T]|\.\d+/g, ""));
// No clock: a test may have set it to any day.
const always = sequence(text(0x17, "000101000000Z"), text(0x17, "491231235959Z"));

/** A certificate and its key, PEM. */
export interface Issued {
  readonly name: string;
  readonly cert: string;
  readonly key: string;
}

/** What a certificate says. */
export interface CertificateOptions {
  readonly name: string;
  /** Host names and addresses that it is for; none for an authority. */
  readonly names: readonly (string | Uint8Array)[];
  /** Default: from 2000 to 2049. */
  readonly validity?: readonly [from: Date, to: Date] | undefined;
  /** The authority that signs it. Default: itself. */
  readonly issuer?: Issued | undefined;
}

/** Makes a certificate. One that no authority signs may be trusted as an authority itself. */
export function issue({ name, names, validity, issuer }: CertificateOptions): Issued {
  const { publicKey, privateKey } = generateKeyPairSync("ec", {
    namedCurve: "prime256v1",
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const version = der(0xa0, integer(Buffer.from([2])));
  // Positive, and different from the previous server's: caches go by issuer and number.
  const serial = integer(Buffer.concat([Buffer.from([0x01]), randomBytes(8)]));
  const isAuthority = issuer === undefined || names.length === 0;
  const extensions = [
    sequence(BASIC_CONSTRAINTS, TRUE, der(0x04, sequence(...(isAuthority ? [TRUE] : [])))),
    ...(names.length === 0 ? [] : [sequence(SUBJECT_ALT_NAME, der(0x04, sequence(...names.map(altName))))]),
  ];
  const signed = sequence(
    version,
    serial,
    ECDSA_WITH_SHA256,
    nameOf(issuer?.name ?? name),
    validity === undefined ? always : sequence(...validity.map(time)),
    nameOf(name),
    publicKey,
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign("sha256", signed, createPrivateKey(issuer?.key ?? privateKey));
  const certificate = sequence(signed, ECDSA_WITH_SHA256, der(0x03, Buffer.from([0]), signature));
  const lines =
    Buffer.from(certificate)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  const cert = ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
  return { name, cert, key: privateKey };
}

/** For `localhost`, 127.0.0.1 and ::1. */
export function selfSigned(): Certificate {
  const loopback = Buffer.concat([Buffer.alloc(15), Buffer.from([1])]);
  const { cert, key } = issue({ name: "edgis test server", names: ["localhost", "127.0.0.1", loopback] });
  return { ca: cert, cert, key };
}
