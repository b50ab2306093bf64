// Layer 1: each mistake in where the URL comes from, what it says, and the options beside it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { findings } from "edgis/doctor";
import { startRedis } from "edgis/testing";
import { encoded, examined, finds, findsNothing, SECRET } from "./scene.mjs";

let server;
before(async () => {
  server = await startRedis();
});
after(() => server.stop());

/** Sets variables for the time of a function, and none else that leads to Redis. */
async function withVariables(variables, act) {
  const names = ["REDIS_URI", "REDIS_URL", ...Object.keys(variables)];
  const kept = Object.fromEntries(names.map((name) => [name, process.env[name]]));
  for (const name of names) delete process.env[name];
  Object.assign(process.env, variables);
  try {
    return await act();
  } finally {
    for (const name of names) delete process.env[name];
    for (const [name, value] of Object.entries(kept)) if (value !== undefined) process.env[name] = value;
  }
}

test("a healthy server: nothing is wrong, whatever names it", async () => {
  const { report, notes } = await findsNothing({ url: server.url });
  assert.deepEqual(notes, ["server.no-persistence"]);
  assert.deepEqual([report.schema, report.target], [1, `redis://127.0.0.1:${server.port}/0`]);
  for (const { id, status, why } of report.checks)
    assert.ok(status === "ok" || status === "skipped", `${id} is ${status}: ${why}`);
  assert.deepEqual([...new Set(report.checks.map(({ layer }) => layer))].length, 9, "all layers");
  const url = `redis://localhost:${server.port}/3`;
  await findsNothing({ url: () => new URL(url) });
  const { report: again } = await withVariables({ REDIS_URL: url }, () => findsNothing({}));
  assert.match(again.checks[0].detail, /REDIS_URL/);
  assert.equal(again.verdict.ready, true);
  // As `createClient` takes it.
  assert.equal((await examined(server.url)).verdict.status, "healthy");
  assert.equal((await examined(new URL(server.url), { db: 1 })).target, `redis://127.0.0.1:${server.port}/1`);
});

test("url.unset: no variable, and others that are not read", async () => {
  const other = { UPSTASH_REDIS_REST_URL: `https://user:${encoded}@h` };
  const { evidence } = await withVariables(other, () => finds("url.unset", "error", {}));
  assert.match(evidence.join(), /UPSTASH_REDIS_REST_URL/);
  const passed = await withVariables({ REDIS_URL: server.url }, () => finds("url.unset", "error", { url: undefined }));
  assert.match(passed.evidence.join(), /undefined was passed/);
});

test("url.two-variables: they differ, and the first is read", async () => {
  const variables = { REDIS_URI: server.url, REDIS_URL: `redis://:${encoded}@elsewhere:1` };
  const { report } = await withVariables(variables, () => finds("url.two-variables", "warning", {}));
  assert.equal(report.target, `redis://127.0.0.1:${server.port}/0`);
  await withVariables({ REDIS_URI: server.url, REDIS_URL: server.url }, () => findsNothing({}));
});

test("URLs that the core refuses, each by what is wrong with it", async () => {
  const cases = {
    "url.rest": ["https://s3cret-host.upstash.io", `http://:${encoded}@localhost:8080`],
    "url.password": [`redis://:${SECRET}@h`, "redis://:s3cret%ZZ@h", "redis://u:s3cret#1@h", "redis://u:s3cret/1@h"],
    "url.quoted": [`"redis://:${encoded}@h"`, `REDIS_URL=redis://:${encoded}@h`, `<redis://:${encoded}@h>`],
    "url.scheme": ["s3cret-host:6379", `rediss//:${encoded}@h`, "mysql://s3cret-host"],
    "url.bad": ["redis://h:99999", "redis://::1:6379", "redis://h/s3cret", "redis://", "redis://h?protocol=9"],
    "url.ipv6-zone": ["redis://[fe80::1%]:6379"],
  };
  for (const [id, urls] of Object.entries(cases)) for (const url of urls) await finds(id, "error", { url });
});

test("url.ipv6-zone: an interface that this machine does not have", async () => {
  const { evidence, report } = await examined({ url: "redis://[fe80::1%25nosuch0]:6379" }).then((report) => ({
    report,
    evidence: report.findings.find(({ id }) => id === "url.ipv6-zone").evidence,
  }));
  assert.match(evidence.join(), /nosuch0/);
  assert.equal(report.verdict.cause, "url.ipv6-zone");
});

test("url.parameter: those of other clients, and one that is mistyped", async () => {
  const { evidence } = await finds("url.parameter", "warning", { url: `${server.url}?family=6&token=${encoded}` });
  assert.match(evidence.join(), /family, token/);
  await findsNothing({ url: `${server.url}?db=1&protocol=2` });
  const { verdict } = await examined({ url: `${server.url}?protocl=2` });
  assert.equal(verdict.cause, "url.parameter");
});

test("url.scheme-port: a plain URL with a port of TLS is a note, as long as it works", async () => {
  const { findings: found, verdict } = await examined({ url: "redis://127.0.0.1:6380", timeouts: { connect: 300 } });
  assert.ok(
    found.some(({ id, severity }) => id === "url.scheme-port" && severity === "note"),
    JSON.stringify(verdict),
  );
});

test("option.bad: unknown options, and values that make no sense", async () => {
  const { evidence } = await finds("option.bad", "error", { url: server.url, pasword: SECRET });
  assert.match(evidence.join(), /did you mean password/);
  await finds("option.bad", "error", { url: server.url, family: "ipv4" });
  await finds("option.bad", "error", { url: server.url, tls: { cafile: SECRET } });
});

test("option.credentials: a function that throws, gives none, or takes too long", async () => {
  const url = server.url;
  const refuse = () => Promise.reject(new Error(`no access for ${SECRET}`));
  await finds("option.credentials", "error", { url, password: SECRET, credentials: refuse }, { ready: false });
  await finds("option.credentials", "error", { url, credentials: () => ({}) }, { ready: false });
  const never = () => new Promise(() => {});
  await finds("option.credentials", "error", { url, credentials: never, timeouts: { connect: 300 } }, { ready: false });
});

test("what is wrong with the examination's own options is thrown", async () => {
  for (const [wrong, said] of [
    [{ budget: "soon" }, /budget/],
    [{ idle: -1 }, /idle/],
    [{ anonymous: "yes" }, /anonymous/],
    [{ cwd: 7 }, /cwd/],
    [{ onProgress: true }, /onProgress/],
  ])
    await assert.rejects(examined({ url: server.url, ...wrong }), { kind: "UsageError", message: said });
  assert.ok(Object.keys(findings).length > 60);
});
