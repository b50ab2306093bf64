// A resolver of one's own: a DNS server on loopback that knows some names, and the lookups of this process led to it. The
// system's own resolver reads files that only root may change.

import { createSocket } from "node:dgram";
import dns from "node:dns/promises";
import { once } from "node:events";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const TYPES = { 1: "A", 28: "AAAA" };

/** Answers queries for `zone`: by name and type the addresses; all else is NXDOMAIN. RFC 1035, section 4. */
async function serveDns(zone, silent) {
  const socket = createSocket("udp4");
  socket.on("message", (query, from) => {
    if (silent.now) return;
    const labels = [];
    let at = 12;
    for (let length = query[at]; length > 0; length = query[at]) {
      labels.push(query.toString("latin1", at + 1, at + 1 + length));
      at += length + 1;
    }
    const question = query.subarray(12, at + 5);
    const known = zone[labels.join(".").toLowerCase()];
    const addresses = known?.[TYPES[query.readUInt16BE(at + 1)]] ?? [];
    const answers = addresses.map((address) => {
      const data = address.includes(":") ? bytesOfIpv6(address) : Buffer.from(address.split(".").map(Number));
      const head = Buffer.from([0xc0, 12, ...query.subarray(at + 1, at + 3), 0, 1, 0, 0, 0, 0, 0, data.length]);
      return Buffer.concat([head, data]);
    });
    const header = Buffer.from(query.subarray(0, 12));
    header.writeUInt16BE(known === undefined ? 0x8183 : 0x8180, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(answers.length, 6);
    header.writeUInt32BE(0, 8);
    socket.send(Buffer.concat([header, question, ...answers]), from.port, from.address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}

function bytesOfIpv6(address) {
  const [head, tail = ""] = address.split("::");
  const groups = (text) => text.split(":").filter(Boolean);
  const missing = 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...Array(address.includes("::") ? missing : 0).fill("0"), ...groups(tail)];
  return Buffer.from(all.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]));
}

/**
 * Leads lookups to a resolver with these names for the time of a test. `hosts` is a hosts file before it, and `delay` how
 * late it is.
 */
export async function resolving(t, zone, { hosts = {}, delay = 0, unavailable = false } = {}) {
  const silent = { now: false };
  const socket = await serveDns(zone, silent);
  const { lookup, resolve4, resolve6 } = dns;
  const { readFileSync } = fs;
  const asked = new dns.Resolver({ timeout: 500, tries: 1 });
  asked.setServers([`127.0.0.1:${socket.address().port}`]);
  const failing = (code, host) =>
    Object.assign(new Error(`getaddrinfo ${code} ${host}`), { code, syscall: "getaddrinfo" });
  dns.resolve4 = (host) => asked.resolve4(host);
  dns.resolve6 = (host) => asked.resolve6(host);
  dns.lookup = async (host, options) => {
    await new Promise((resolve) => {
      setTimeout(resolve, delay).unref();
    });
    if (unavailable) throw failing("EAI_AGAIN", host);
    const told =
      hosts[host] ??
      (await Promise.allSettled([asked.resolve4(host), asked.resolve6(host)])).flatMap(({ value = [] }) => value);
    const all = told.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
    const wanted = all.filter(({ family }) => !options.family || family === Number(options.family));
    if (wanted.length === 0) throw failing("ENOTFOUND", host);
    return wanted;
  };
  fs.readFileSync = (path, ...rest) =>
    path === "/etc/hosts"
      ? Object.entries(hosts)
          .flatMap(([name, addresses]) => addresses.map((address) => `${address}\t${name} # of a test\n`))
          .join("")
      : readFileSync(path, ...rest);
  syncBuiltinESMExports();
  t.after(() => {
    Object.assign(dns, { lookup, resolve4, resolve6 });
    fs.readFileSync = readFileSync;
    syncBuiltinESMExports();
    socket.close();
  });
}
