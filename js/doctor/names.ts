/** Layer 2: the addresses of the host, by the way that programs take (the hosts file, then DNS) and by DNS alone. */
import { lookup, resolve4, resolve6 } from "node:dns/promises";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { messageOf } from "../core/errors.js";
import type { Case } from "./case.js";
import { seconds } from "./examination.js";
import { isLoopback } from "./redaction.js";

/** Resolvers that are away take this long to be given up; the client's own dial does not wait for longer either. */
const LOOKUP = 4_000;
const DNS = 2_000;
/** More addresses than that tell nothing new. */
const MOST = 8;

export async function examineNames(c: Case): Promise<void> {
  const { examination, target } = c;
  const { redaction } = examination;
  if (target === undefined) return examination.skip("dns", "dns.lookup", "the configuration names no host");
  const { host, port, path } = target;
  const label = (address: string) => redaction.address(address, port);
  if (path !== undefined || host === undefined) {
    c.addresses = [{ address: undefined, label: redaction.path(path as string) }];
    return examination.skip("dns", "dns.lookup", "a Unix socket has no address");
  }
  const bare = host.split("%")[0] as string;
  if (isIP(bare) !== 0) {
    c.addresses = [{ address: host, label: label(host) }];
    return examination.skip("dns", "dns.lookup", "the host is an address");
  }
  const shown = redaction.host(host);
  const begun = performance.now();
  let failure: { code: string; message: string } | undefined;
  const found = await examination.check("dns", "dns.lookup", LOOKUP, async (step) => {
    try {
      const all = await lookup(host, { all: true, family: target.family, verbatim: true });
      const order = [...new Set(all.map(({ address }) => address))];
      step.ok(`${shown} is ${order.map((address) => redaction.host(address)).join(", ")}, in this order`);
      return order;
    } catch (error) {
      const { code = "EDNS" } = error as NodeJS.ErrnoException;
      failure = { code, message: messageOf(error) };
      step.failed(`${code} for ${shown}`);
      return [];
    }
  });
  const took = performance.now() - begun;
  if (found === undefined)
    examination.find("dns.unavailable", "error", [`no answer for ${shown} in ${seconds(LOOKUP)}`]);
  else if (failure !== undefined) await explain(c, host, failure.code);
  else if (took > target.connect / 2 && !isLoopback(host))
    examination.find("dns.slow", "warning", [`${seconds(took)} of timeouts.connect, ${seconds(target.connect)}`]);
  c.addresses = (found ?? []).slice(0, MOST).map((address) => ({ address, label: label(address) }));
  if (found !== undefined && found.length > 0) await compareWithDns(c, host, found);
}

async function explain(c: Case, host: string, code: string): Promise<void> {
  const { examination, target } = c;
  const shown = examination.redaction.host(host);
  if (code === "EAI_AGAIN" || code === "ETIMEOUT" || code === "ECONNREFUSED")
    return examination.find("dns.unavailable", "error", [`${code} for ${shown}`]);
  // Permissions are found with the runtime.
  if (code === "EPERM" || code === "ERR_ACCESS_DENIED") return undefined;
  const family = target?.family ?? 0;
  if (family !== 0) {
    const others = await lookup(host, { all: true, family: 0, verbatim: true }).catch(() => []);
    if (others.length > 0) {
      const seen = others.map(({ address }) => examination.redaction.host(address)).join(", ");
      return examination.find("dns.family", "error", [`family: ${family}, but ${shown} is ${seen}`]);
    }
  }
  return examination.find("dns.no-answer", "error", [`${code} for ${shown}`]);
}

/** DNS alone, which a hosts file stands before. */
async function compareWithDns(c: Case, host: string, found: readonly string[]): Promise<void> {
  const { examination } = c;
  const { redaction } = examination;
  if (isLoopback(host)) return examination.skip("dns", "dns.resolver", "localhost is the machine itself");
  await examination.check("dns", "dns.resolver", DNS, async (step) => {
    const answers = await Promise.allSettled([resolve4(host), resolve6(host)]);
    const told = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
    if (told.length === 0) return step.unknown("DNS by itself does not know the name");
    const list = told.map((address) => redaction.host(address)).join(", ");
    if (told.some((address) => found.includes(address))) return step.ok(`DNS says the same: ${list}`);
    const lines = hostsLines(host);
    step.failed(`DNS says ${list}`);
    if (lines.length === 0) return step.unknown(`DNS says ${list}: a name of several addresses, or another view of it`);
    const wins = found.map((address) => redaction.host(address)).join(", ");
    examination.find("dns.hosts-disagree", "warning", [`the hosts file says ${wins}, DNS says ${list}`]);
    return undefined;
  });
}

/** The addresses that the hosts file gives a name. */
function hostsLines(host: string): string[] {
  try {
    const path = process.platform === "win32" ? "C:\\Windows\\System32\\drivers\\etc\\hosts" : "/etc/hosts";
    const lines = readFileSync(path, "utf8").split("\n");
    return lines.flatMap((line) => {
      const [address = "", ...names] = (line.split("#", 1)[0] as string).trim().split(/\s+/);
      return names.some((name) => name.toLowerCase() === host.toLowerCase()) ? [address] : [];
    });
  } catch {
    return [];
  }
}
