/** A self-signed certificate for loopback, made on the spot: a package must not ship a private key. X.509 is RFC 5280. */
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

const names = sequence(
  text(0x82, "localhost"),
  der(0x87, Buffer.from([127, 0, 0, 1])),
  der(0x87, Buffer.concat([Buffer.alloc(15), Buffer.from([1])])),
);
const who = sequence(der(0x31, sequence(COMMON_NAME, text(0x0c, "edgis test server"))));
// No clock: a test may have set it to any day.
const always = sequence(text(0x17, "000101000000Z"), text(0x17, "491231235959Z"));
const extensions = der(
  0xa3,
  sequence(sequence(BASIC_CONSTRAINTS, TRUE, der(0x04, sequence(TRUE))), sequence(SUBJECT_ALT_NAME, der(0x04, names))),
);

/** For `localhost`, 127.0.0.1 and ::1. */
export function selfSigned(): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", {
    namedCurve: "prime256v1",
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const version = der(0xa0, integer(Buffer.from([2])));
  // Positive, and different from the previous server's: caches go by issuer and number.
  const serial = integer(Buffer.concat([Buffer.from([0x01]), randomBytes(8)]));
  const signed = sequence(version, serial, ECDSA_WITH_SHA256, who, always, who, publicKey, extensions);
  const signature = sign("sha256", signed, createPrivateKey(privateKey));
  const certificate = sequence(signed, ECDSA_WITH_SHA256, der(0x03, Buffer.from([0]), signature));
  const lines =
    Buffer.from(certificate)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  const cert = ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
  return { ca: cert, cert, key: privateKey };
}
