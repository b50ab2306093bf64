/** Layer 4: TLS as the client would speak it, and where an address does not answer, the other way, too. */
import { checkServerIdentity, type PeerCertificate, type TLSSocket } from "node:tls";
import type { Address, Case } from "./case.js";
import type { FindingId } from "./catalog.js";
import { flawsOf } from "./certificates.js";
import { seconds } from "./examination.js";
import { frame, ServerError } from "./resp.js";
import { connectionOptions, limitOf, open, placeOf, type Target } from "./target.js";
import { codeOf, dial, Ended, type Wire } from "./wire.js";

const SOON = 14 * 86_400_000;
/** An answer that says no more than whether TLS or plain is spoken. */
const CROSS_CHECK = 1_000;

export async function examineTls(c: Case): Promise<void> {
  const { examination, target, addresses } = c;
  if (target === undefined || addresses.length === 0)
    return examination.skip("tls", "tls.handshake", "there is no address to speak to");
  const { tls } = target;
  if (tls === undefined) return crossCheckTls(c, target);
  let isFit = false;
  await examination.check("tls", "tls.options", 1_000, (step) => {
    const flaws = flawsOf(tls);
    if (tls.rejectUnauthorized === false)
      examination.find("tls.unverified", "warning", ["tls.rejectUnauthorized is false"]);
    for (const { id, evidence } of flaws) examination.find(id, "error", [evidence]);
    isFit = flaws.every(({ passes }) => passes);
    if (flaws.length > 0) step.failed(flaws.map(({ evidence }) => evidence).join("; "));
    else step.ok("certificates and keys of the options can be read");
  });
  if (!isFit) return examination.skip("tls", "tls.handshake", "the options of TLS have to be mended first");
  const open = addresses.filter((address) => address.connected !== undefined && address.ended === undefined);
  if (open.length === 0) return examination.skip("tls", "tls.handshake", "no address takes a connection");
  await Promise.all(open.map((address) => handshake(c, target, address)));
  return undefined;
}

/** The target is plain: does any address that does not answer so answer to TLS? */
async function crossCheckTls(c: Case, target: Target): Promise<void> {
  const { examination, addresses } = c;
  const odd = addresses.filter(({ connected, reply }) => connected !== undefined && reply === undefined);
  if (odd.length === 0) return examination.skip("tls", "tls.handshake", "the URL asks for no TLS");
  await Promise.all(
    odd.map((address) =>
      examination.check(
        "tls",
        "tls.cross-check",
        CROSS_CHECK + 500,
        async (step) => {
          const options = { ...connectionOptions(target), rejectUnauthorized: false };
          try {
            const wire = await dial(placeOf(target, address.address), CROSS_CHECK, options);
            wire.close();
            address.secure = true;
          } catch (error) {
            const code = codeOf(error) ?? "";
            // An alert is TLS as well: the server wants more than we have.
            address.secure = address.kind === "alert" || /ALERT|NO_SHARED|CERTIFICATE/.test(code);
          }
          if (address.secure) examination.find("tls.expected", "error", [`${address.label} answers to TLS only`]);
          step.ok(address.secure ? "answers to TLS" : "does not answer to TLS either");
        },
        address.label,
      ),
    ),
  );
}

async function handshake(c: Case, target: Target, address: Address): Promise<void> {
  const { examination } = c;
  const limit = limitOf(target);
  let failure: Ended | undefined;
  await examination.check(
    "tls",
    "tls.handshake",
    limit + 500,
    async (step) => {
      const begun = performance.now();
      let wire: Wire | undefined;
      try {
        wire = await open(target, address.address, limit);
        // A server that wants a certificate says so behind its handshake, in TLS 1.3.
        address.reply = await wire.ask(limit, "PING");
        address.kind = "redis";
        if (address.reply instanceof ServerError) address.line = `-${address.reply.text}`;
        address.secure = true;
        const socket = wire.socket as TLSSocket;
        step.ok(`${socket.getProtocol?.() ?? "TLS"} in ${seconds(performance.now() - begun)}`);
        lookAhead(c, socket);
      } catch (error) {
        failure = error instanceof Ended ? error : new Ended("EPROTO", String(error));
        step.failed(failure.code);
      } finally {
        wire?.close();
      }
    },
    address.label,
  );
  if (failure === undefined) return;
  const id = idOf(failure);
  if (id !== undefined) {
    const seen = await certificateOf(c, target, address);
    return examination.find(id, "error", [`${address.label}: ${failure.code}`, ...seen]);
  }
  const plain = await speaksPlain(c, target, address);
  if (plain) return examination.find("tls.plain-port", "error", [`${address.label} answers without TLS`]);
  if (/SSL|TLS|EPROTO/.test(failure.code))
    return examination.find("tls.handshake", "error", [`${address.label}: ${failure.code}`]);
  address.ended = { code: failure.code };
}

function idOf({ code, message }: Ended): FindingId | undefined {
  if (/^(DEPTH_ZERO_)?SELF_SIGNED_CERT/.test(code)) return "tls.self-signed";
  if (/^UNABLE_TO_|^CERT_(UNTRUSTED|SIGNATURE|REJECTED|CHAIN)|^INVALID_CA/.test(code)) return "tls.untrusted";
  if (code === "CERT_HAS_EXPIRED") return "tls.expired";
  if (code === "CERT_NOT_YET_VALID") return "tls.not-yet-valid";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return "tls.wrong-name";
  const said = `${code} ${message}`.toUpperCase().replaceAll(" ", "_");
  if (/ALERT_(CERTIFICATE|BAD_CERTIFICATE|UNKNOWN_CA|UNSUPPORTED_CERTIFICATE)|CERTIFICATE_REQUIRED/.test(said))
    return "tls.client-certificate";
  if (/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_SHARED_CIPHER|INSUFFICIENT_SECURITY|DH_KEY_TOO_SMALL/.test(said))
    return "tls.handshake";
  return undefined;
}

/** Finds a certificate that is good today and will not be for long. */
function lookAhead({ examination }: Case, socket: TLSSocket): void {
  const { valid_to: until } = socket.getPeerCertificate?.() ?? {};
  const left = until === undefined ? Number.NaN : Date.parse(until) - Date.now();
  if (left < SOON) examination.find("tls.expires-soon", "warning", [`valid until ${until}`]);
}

/** Describes the server's certificate for a person who has to decide whether to trust it. */
async function certificateOf(c: Case, target: Target, address: Address): Promise<string[]> {
  const { redaction } = c.examination;
  const lines = await c.examination.check(
    "tls",
    "tls.certificate",
    CROSS_CHECK + 500,
    async (step) => {
      const options = { ...connectionOptions(target), rejectUnauthorized: false };
      const wire = await dial(placeOf(target, address.address), CROSS_CHECK, options);
      const certificate = (wire.socket as TLSSocket).getPeerCertificate?.(true);
      wire.close();
      if (certificate === undefined || certificate.subject === undefined) return [];
      const told = redaction.anonymous
        ? [`SHA-256 ${certificate.fingerprint256}`]
        : describeCertificate(certificate, target).map((line) => redaction.said(line));
      step.ok(told.join("; "));
      return told;
    },
    address.label,
  );
  return lines ?? [];
}

function describeCertificate(certificate: PeerCertificate, { host, tls }: Target): string[] {
  const name = tls?.servername ?? host ?? "";
  const one = (value: string | string[] | undefined) => (Array.isArray(value) ? value[0] : value) ?? "nobody";
  const lines = [
    `its names: ${certificate.subjectaltname ?? `CN=${one(certificate.subject?.CN)}`}`,
    `issued by ${one(certificate.issuer?.CN ?? certificate.issuer?.O)}, valid from ${certificate.valid_from} to ${certificate.valid_to}`,
    `SHA-256 ${certificate.fingerprint256}`,
  ];
  if (checkServerIdentity(name, certificate) !== undefined) lines.unshift("it is not for the name that is asked for");
  return lines;
}

async function speaksPlain(c: Case, target: Target, address: Address): Promise<boolean> {
  const is = await c.examination.check(
    "tls",
    "tls.cross-check",
    CROSS_CHECK + 500,
    async (step) => {
      const wire = await dial(placeOf(target, address.address), CROSS_CHECK);
      wire.write(frame(["PING"]));
      try {
        await wire.reply(CROSS_CHECK);
        step.ok("answers without TLS");
        return true;
      } catch {
        step.ok("does not answer without TLS either");
        return false;
      } finally {
        wire.close();
      }
    },
    address.label,
  );
  return is === true;
}
