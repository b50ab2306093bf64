// Layer 2: names and their addresses, through a DNS server of our own.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startRedis } from "edgis/testing";
import { resolving } from "./names.mjs";
import { finds, findsNothing } from "./scene.mjs";

let server;
before(async () => {
  server = await startRedis();
});
after(() => server.stop());

const urlOf = (host) => `redis://${host}:${server.port}`;

test("a name that DNS knows: nothing is wrong, and its addresses are told in their order", async (t) => {
  await resolving(t, { "cache.test": { A: ["127.0.0.1"] } });
  const { report } = await findsNothing({ url: urlOf("cache.test") });
  const { detail } = report.checks.find(({ id }) => id === "dns.lookup");
  assert.match(detail, /cache\.test is 127\.0\.0\.1/);
  assert.match(report.checks.find(({ id }) => id === "dns.resolver").detail, /the same/);
});

test("dns.no-answer: a name that nobody knows", async (t) => {
  await resolving(t, {});
  const { evidence } = await finds("dns.no-answer", "error", { url: urlOf("deleted.test") });
  assert.match(evidence.join(), /ENOTFOUND for deleted\.test/);
});

test("dns.unavailable: the resolver fails, or never answers", async (t) => {
  await resolving(t, {}, { unavailable: true });
  await finds("dns.unavailable", "error", { url: urlOf("cache.test") });
  await resolving(t, {}, { delay: 60_000 });
  await finds("dns.unavailable", "error", { url: urlOf("cache.test") });
});

test("dns.family: there is an address, but of the other family", async (t) => {
  await resolving(t, { "six.test": { AAAA: ["fd00::7"] } });
  const { evidence } = await finds("dns.family", "error", { url: urlOf("six.test"), family: 4 });
  assert.match(evidence.join(), /family: 4, but six\.test is fd00::7/);
});

test("dns.hosts-disagree: an old line of the hosts file stands before DNS", async (t) => {
  await resolving(t, { "cache.test": { A: ["10.9.8.7"] } }, { hosts: { "cache.test": ["127.0.0.1"] } });
  const { evidence } = await finds("dns.hosts-disagree", "warning", { url: urlOf("cache.test") });
  assert.match(evidence.join(), /127\.0\.0\.1, DNS says 10\.9\.8\.7/);
});

test("dns.slow: the name takes most of the time for connecting", async (t) => {
  await resolving(t, { "slow.test": { A: ["127.0.0.1"] } }, { delay: 900 });
  await finds("dns.slow", "warning", { url: urlOf("slow.test"), timeouts: { connect: 1_500 } });
});
