/** Judges each address in the light of the others, once it was tried both with and without TLS. */
import { existsSync, readFileSync } from "node:fs";
import { isIP, isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import { type Address, type Case, isRedis } from "./case.js";
import type { FindingId } from "./catalog.js";
import { isLoopback } from "./redaction.js";
import type { Severity } from "./types.js";
import { SILENT } from "./wire.js";

interface Judgement {
  readonly id: FindingId;
  readonly severity: Severity;
  readonly evidence: string[];
  readonly fixes?: string[];
}

export function judgeAddresses(c: Case): void {
  const { examination } = c;
  const good = c.addresses.filter(isRedis);
  for (const address of c.addresses) {
    // A port with TLS that is spoken to without, or the reverse, has its finding.
    const isExplained = address.secure || examination.has("tls.expected") || examination.has("tls.plain-port");
    if (address.reply !== undefined || isExplained) continue;
    const judged = judge(c, address, good);
    if (judged !== undefined) examination.find(judged.id, judged.severity, judged.evidence, judged.fixes);
  }
}

function judge(c: Case, address: Address, good: readonly Address[]): Judgement | undefined {
  const severity: Severity = good.length > 0 ? "warning" : "error";
  const { failure, kind, ended, line, label } = address;
  if (failure !== undefined)
    return { ...ofFailure(c, address, failure.code, good, severity), evidence: [`${label}: ${failure.code}`] };
  if (kind !== undefined) {
    const isKnown = kind === "http" || kind === "ssh" || kind === "memcached";
    const evidence = [`${label} says ${c.examination.redaction.said(line ?? "")}`];
    return { id: isKnown ? `net.${kind}` : "net.not-redis", severity, evidence };
  }
  if (ended === undefined) return undefined;
  if (ended.code === SILENT || ended.code === "ETIMEDOUT")
    return { id: "net.silent", severity, evidence: [`${label} accepts the connection and does not answer`] };
  const how = ended.code === "END" ? "closes it" : `cuts it (${ended.code})`;
  const evidence = [`${label} accepts the connection and ${how}`, ...good.map((other) => `${other.label} answers`)];
  return { id: "net.accepts-then-closes", severity, evidence, fixes: fixesOf(c) };
}

function ofFailure(
  c: Case,
  { address }: Address,
  code: string,
  good: readonly Address[],
  severity: Severity,
): Pick<Judgement, "id" | "severity"> {
  const { host = "", path } = c.target ?? {};
  if (code === "EMFILE" || code === "ENFILE") return { id: "machine.fds", severity: "error" };
  // Found with the runtime, which knows what was not allowed.
  if (code === "ERR_ACCESS_DENIED" || code === "EPERM") return { id: "runtime.permission", severity: "error" };
  if (path !== undefined) return { id: "net.socket-path", severity: "error" };
  const isOfOtherFamily = good.length > 0 && good.every((other) => isIP(other.address ?? "") !== isIP(address ?? ""));
  if (code === "ECONNREFUSED") {
    if (isOfOtherFamily) return { id: "server.one-family", severity: "note" };
    if (good.length === 0 && isLoopback(host) && isContainer()) return { id: "net.container-localhost", severity };
    return { id: "net.refused", severity };
  }
  if (code === "ETIMEDOUT") return { id: isPrivate(address ?? "") ? "net.private-timeout" : "net.timeout", severity };
  if (code === "EADDRNOTAVAIL" && !(isIPv6(address ?? "") && !hasIpv6())) return { id: "machine.ports", severity };
  return { id: "net.unreachable", severity: isOfOtherFamily ? "note" : severity };
}

/** The fixes for an address with nothing behind it, with the place that works where there is one. */
function fixesOf(c: Case): string[] {
  const { target } = c;
  const good = c.addresses.find(isRedis);
  if (target === undefined || good?.address === undefined)
    return [
      "start Redis behind it, or correct where the container's port or the proxy leads to",
      "check that it is Redis that listens there, and whether it wants TLS (rediss://)",
    ];
  const scheme = target.tls === undefined ? "redis" : "rediss";
  const family = isIPv6(good.address) ? 6 : 4;
  const bind = family === 4 ? "[::]" : "0.0.0.0";
  return [
    `use the address that works: ${scheme}://${good.label}`,
    `use its family alone: createClient({ url, family: ${family} })`,
    `publish the port on ${bind} as well, and let Redis listen on both families in the container`,
  ];
}

/** Addresses of private networks: RFC 1918, RFC 6598, RFC 4193. */
function isPrivate(address: string): boolean {
  return /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|f[cd][0-9a-f]{2}:)/i.test(
    address,
  );
}

function hasIpv6(): boolean {
  return Object.values(networkInterfaces()).some((all) => all?.some(({ family }) => family === "IPv6"));
}

/** Whether this process runs in a container, where localhost is the container. */
function isContainer(): boolean {
  if (process.env.KUBERNETES_SERVICE_HOST || process.env.container) return true;
  if (existsSync("/.dockerenv") || existsSync("/run/.containerenv")) return true;
  try {
    return /\/(docker|containerd|kubepods|lxc)/.test(readFileSync("/proc/1/cgroup", "utf8"));
  } catch {
    return false;
  }
}
