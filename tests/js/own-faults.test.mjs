// What keeps a dial from being made and is no fault of the peer's: certificates, limits, paths, permissions.
import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";
import { run } from "./programs.mjs";

const logger = false;
let secure;
before(async () => {
  secure = await startRedis({ tls: true });
});
after(() => secure.stop());

async function statusWith(t, options) {
  const client = createClient({ logger, share: false, ...options });
  t.after(() => client.close());
  return client.init();
}

test("certificates and keys as they come out of environments", async (t) => {
  const { ca, cert, key } = secure.tls;
  const passphrase = "pw-of-the-key";
  const locked = createPrivateKey(key).export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase });
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const another = privateKey.export({ type: "pkcs8", format: "pem" });
  const good = [{ ca }, { ca, cert, key }, { ca, cert, key: locked, passphrase }, { ca: [Buffer.from(ca)], cert, key }];
  for (const tls of good) {
    const { state, message } = await statusWith(t, { url: secure.url, tls });
    assert.equal(state, "ready", message);
  }
  const bad = [
    { ca, cert, key: another },
    { ca, cert, key: locked },
    { ca, cert, key: locked, passphrase: "wr0ng" },
    { ca, cert: cert.replaceAll("\n", "\\n"), key },
    { ca, cert: "tls/client.crt", key },
    { ca, cert, key: 5 },
  ];
  for (const [index, tls] of bad.entries()) {
    const { state, reason, hint, message, retryable } = await statusWith(t, { url: secure.url, tls });
    assert.deepEqual([state, reason, retryable], ["disabled", "certificate", false], `${index}: ${message}`);
    assert.match(hint, /tls\.passphrase/);
    assert.doesNotMatch(message, /pw-of-the-key|wr0ng|BEGIN/);
  }
  // Nothing is wrong with these: they are only not the authority.
  for (const tls of [{}, { ca: cert.replace(/[A-Za-z]{4}/, "AAAA"), rejectUnauthorized: true }]) {
    const { reason } = await statusWith(t, { url: secure.url, tls });
    assert.ok(reason === "tls" || reason === "certificate", reason);
  }
});

test("a Unix socket below what is no folder, and with too long a name", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "edgis-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "file"), "");
  for (const path of [join(folder, "file/redis.sock")]) {
    const { state, reason, hint } = await statusWith(t, { url: `unix://${path}` });
    assert.deepEqual([state, reason], ["disabled", "path"]);
    assert.match(hint, /path of the Unix socket/);
  }
});

test("no file descriptors are left; the client recovers when there are some", async () => {
  const { stdout, stderr } = await run(
    `import { openSync, closeSync } from "node:fs";
     import { createClient } from "edgis";
     const options = { url: process.env.REDIS_URL, logger: false, tls: { rejectUnauthorized: false } };
     const warm = createClient(options);
     await warm.ping();
     const taken = [];
     try { for (;;) taken.push(openSync("/dev/null", "r")); } catch {}
     const redis = createClient({ ...options, share: false });
     const { state, reason, hint, retryable } = await redis.init();
     for (const each of taken) closeSync(each);
     await redis.ready({ timeout: "20s" });
     console.log(JSON.stringify({ state, reason, hint, retryable, after: await redis.ping() }));
     await Promise.all([warm.close(), redis.close()]);`,
    { env: { REDIS_URL: secure.url } },
  );
  assert.ok(stdout.startsWith("{"), stderr);
  const { hint, ...others } = JSON.parse(stdout);
  assert.deepEqual(others, { state: "disabled", reason: "resources", retryable: true, after: "PONG" });
  assert.match(hint, /ulimit/);
});

test("a link-local address has a zone, which both spellings of a URL give", async (t) => {
  const server = await startRedis({ args: ["--bind", "127.0.0.1", "::1"] }).catch(() => undefined);
  if (server === undefined) return t.skip("there is no IPv6 here");
  t.after(() => server.stop());
  for (const host of ["[::1%25lo]", "[::1%lo]"]) {
    const status = await statusWith(t, { url: `redis://${host}:${server.port}` });
    assert.equal(status.address, `[::1%lo]:${server.port}`, status.message);
    assert.equal(status.state, "ready", status.message);
  }
});
