// Layer 4: TLS, with one fault at a time.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { createServer } from "node:tls";
import { startRedis } from "edgis/testing";
import { certificate, encrypted } from "./certificates.mjs";
import { resolving } from "./names.mjs";
import { assertNoSecret, finds, findsNothing, listening, SECRET } from "./scene.mjs";

let server;
let secure;
before(async () => {
  [server, secure] = await Promise.all([startRedis(), startRedis({ tls: true })]);
});
after(() => Promise.all([server.stop(), secure.stop()]));

const authority = certificate({ name: "authority", names: [] });
const signed = (options) => certificate({ name: "server", issuer: authority, ...options });

/** Redis behind TLS of one's own. */
async function front(t, options) {
  const port = await listening(
    t,
    (socket) => {
      const behind = connect(server.port, server.host).on("error", () => socket.destroy());
      socket.pipe(behind).pipe(socket);
      socket.on("close", () => behind.destroy());
    },
    { create: (accept) => createServer(options, accept) },
  );
  return `rediss://127.0.0.1:${port}`;
}

test("healthy servers with TLS: nothing is wrong", async (t) => {
  await findsNothing({ url: secure.url, tls: { ca: secure.tls.ca } });
  await findsNothing({ url: secure.url, tls: { ...secure.tls, ca: Buffer.from(secure.tls.ca) } });
  const url = await front(t, signed());
  await findsNothing({ url, tls: { ca: [authority.cert] } });
  await findsNothing({ url: url.replace("rediss", "redis"), tls: { ca: authority.cert } });
});

test("tls.expected: a plain URL on a port with TLS", async (t) => {
  await finds("tls.expected", "error", { url: secure.url.replace("rediss", "redis") });
  const url = await front(t, signed());
  const { fix } = await finds("tls.expected", "error", { url: url.replace("rediss", "redis") });
  assert.match(fix, /rediss:\/\//);
});

test("tls.plain-port: TLS on a plain port", async () => {
  const { fix } = await finds("tls.plain-port", "error", { url: server.url.replace("redis", "rediss") });
  assert.match(fix, /redis:\/\/ in place of rediss/);
});

test("tls.self-signed: and what there is to trust is shown", async (t) => {
  const { evidence } = await finds("tls.self-signed", "error", { url: secure.url });
  assert.match(evidence.join("\n"), /edgis test server[\s\S]*SHA-256 ([0-9A-F]{2}:){31}/);
  const { cert, key } = signed();
  const url = await front(t, { cert: cert + authority.cert, key });
  await finds("tls.self-signed", "error", { url });
});

test("tls.untrusted: an authority that is not known", async (t) => {
  const url = await front(t, signed());
  await finds("tls.untrusted", "error", { url });
  const other = certificate({ name: "another authority", names: [] });
  await finds("tls.untrusted", "error", { url, tls: { ca: other.cert } });
});

test("tls.expired, tls.not-yet-valid, tls.expires-soon", async (t) => {
  const tls = { ca: authority.cert };
  const expired = await finds("tls.expired", "error", { url: await front(t, signed({ from: -9, to: -1 })), tls });
  assert.match(expired.evidence.join(), /valid from .* to /);
  await finds("tls.not-yet-valid", "error", { url: await front(t, signed({ from: 2 })), tls });
  await finds("tls.expires-soon", "warning", { url: await front(t, signed({ to: 5 })), tls });
});

test("tls.wrong-name: and the names that it has", async (t) => {
  const url = await front(t, signed({ names: ["redis.internal"] }));
  const tls = { ca: authority.cert };
  const { evidence } = await finds("tls.wrong-name", "error", { url, tls });
  assert.match(evidence.join("\n"), /its names: DNS:redis\.internal/);
  await findsNothing({ url, tls: { ...tls, servername: "redis.internal" } });
  await resolving(t, { "alias.test": { A: ["127.0.0.1"] } });
  await finds("tls.wrong-name", "error", { url: url.replace("127.0.0.1", "alias.test"), tls });
});

test("tls.client-certificate: none, and one that the server does not know", async (t) => {
  const strict = await startRedis({ tls: true, args: ["--tls-auth-clients", "yes"] });
  t.after(() => strict.stop());
  const { ca } = strict.tls;
  await findsNothing({ url: strict.url, tls: strict.tls });
  await finds("tls.client-certificate", "error", { url: strict.url, tls: { ca } });
  const { cert, key } = certificate();
  await finds("tls.client-certificate", "error", { url: strict.url, tls: { ca, cert, key } });
});

test("tls.handshake: no version in common", async (t) => {
  const options = { ...signed(), minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" };
  await finds("tls.handshake", "error", { url: await front(t, options), tls: { ca: authority.cert } });
});

test("tls.unverified: verification is off", async () => {
  await finds("tls.unverified", "warning", { url: secure.url, tls: { rejectUnauthorized: false } });
});

test("certificates and keys of the options: each way to hand them over wrongly", async (t) => {
  const { ca, cert, key } = secure.tls;
  const url = secure.url;
  const other = certificate();
  const old = signed({ from: -9, to: -1 });
  const cases = [
    ["tls.pem", { ca: "" }],
    ["tls.pem", { ca: ca.replaceAll(/-----.*-----|\n/g, "") }],
    ["tls.pem", { ca, cert, key: key.slice(0, 60) }],
    ["tls.pem", { ca, cert: cert.replace(/\n.{20}/, "\nAAAA"), key }],
    ["tls.pem-path", { ca: "/etc/ssl/ca.pem" }],
    ["tls.pem-path", { ca, cert: "client.crt", key: "./client.key" }],
    ["tls.pem-newlines", { ca: ca.replaceAll("\n", "\\n") }],
    ["tls.pem-newlines", { ca, cert, key: key.replaceAll("\n", "\\n") }],
    ["tls.key-mismatch", { ca, cert, key: other.key }],
    ["tls.key-encrypted", { ca, cert, key: encrypted(key, SECRET) }],
    ["tls.key-encrypted", { ca, cert, key: encrypted(key, "right"), passphrase: SECRET }],
  ];
  for (const [id, tls] of cases) {
    const { report } = await finds(id, "error", { url, tls }).catch((error) => {
      throw new Error(`${id} of ${Object.keys(tls)}: ${error.message}`);
    });
    const text = JSON.stringify(report);
    assertNoSecret(text);
    for (const line of String(tls.key ?? "").split(/\n|\\n/))
      if (line.length > 20 && !line.startsWith("-")) assert.ok(!text.includes(line), "a line of the key");
  }
  await findsNothing({ url, tls: { ca, cert, key: encrypted(key, SECRET), passphrase: SECRET } });
  // Neither keeps a client away from a server that asks for no certificate.
  await finds("tls.pem", "warning", { url, tls: { ca, cert } });
  const lenient = await front(t, signed());
  await finds("tls.own-expired", "warning", {
    url: lenient,
    tls: { ca: authority.cert, cert: old.cert, key: old.key },
  });
});

test("a peer that closes where TLS is meant is one with nothing behind it", async (t) => {
  const port = await listening(t, (socket) => socket.once("data", () => socket.destroy()));
  await finds("net.accepts-then-closes", "error", { url: `rediss://127.0.0.1:${port}` });
  const silent = await listening(t, () => {});
  await finds("net.silent", "error", { url: `rediss://127.0.0.1:${silent}` });
});
