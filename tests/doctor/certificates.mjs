// Certificates with exactly one fault, made on the spot. X.509 is RFC 5280.
import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";

const der = (tag, ...content) => {
  const body = Buffer.concat(content);
  const { length } = body;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
};
const sequence = (...items) => der(0x30, ...items);
const oid = (hex) => der(0x06, Buffer.from(hex, "hex"));
const integer = (bytes) => der(0x02, bytes);
const ecdsa = sequence(oid("2a8648ce3d040302"));
const nameOf = (name) => sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from(name)))));
const yes = Buffer.from([0x01, 0x01, 0xff]);

const DAY = 86_400_000;
const time = (days) => {
  const text = new Date(Date.now() + days * DAY).toISOString().replace(/[-:T]|\.\d+/g, "");
  return der(0x18, Buffer.from(text));
};
const altName = (name) =>
  /^[\d.]+$/.test(name) ? der(0x87, Buffer.from(name.split(".").map(Number))) : der(0x82, Buffer.from(name));

/** A certificate and its key, PEM; by itself, or signed by `issuer`. */
export function certificate({ name = "test", names = ["localhost", "127.0.0.1"], from = -1, to = 365, issuer } = {}) {
  const { publicKey, privateKey } = generateKeyPairSync("ec", {
    namedCurve: "prime256v1",
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const isAuthority = names.length === 0;
  const extensions = [
    sequence(oid("551d13"), yes, der(0x04, sequence(...(isAuthority || issuer === undefined ? [yes] : [])))),
    ...(isAuthority ? [] : [sequence(oid("551d11"), der(0x04, sequence(...names.map(altName))))]),
  ];
  const signed = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ecdsa,
    nameOf(issuer?.name ?? name),
    sequence(time(from), time(to)),
    nameOf(name),
    publicKey,
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign("sha256", signed, createPrivateKey(issuer?.key ?? privateKey));
  const whole = sequence(signed, ecdsa, der(0x03, Buffer.from([0]), signature));
  const lines = whole.toString("base64").match(/.{1,64}/g);
  const cert = `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
  return { name, cert, key: privateKey };
}

/** The same key, encrypted. */
export const encrypted = (key, passphrase) =>
  createPrivateKey(key).export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase });
