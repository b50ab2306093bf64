// An examination and what it must find: each test stands for one finding, on something real that has exactly that fault.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { diagnose } from "edgis/doctor";
import { freePort } from "edgis/testing";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** The program as the package installs it. */
export const bin = `${root}/node_modules/edgis/dist/edgis.js`;

/** Never in any output, in no form. */
export const SECRET = "s3cret/XY#ZZ y?";
export const encoded = encodeURIComponent(SECRET);
const forms = [SECRET, encoded, encodeURI(SECRET), JSON.stringify(SECRET).slice(1, -1)];

export function assertNoSecret(text) {
  for (const form of forms) assert.ok(!text.includes(form), `a secret in:\n${text}`);
  assert.doesNotMatch(text, /s3cret/, `a part of a secret in:\n${text}`);
}

/** Notes are worth knowing and nothing is wrong for them; that the client is not ready follows from the rest. */
const problemsOf = ({ findings }) =>
  findings.filter(({ id, severity }) => severity !== "note" && id !== "client.not-ready").map(({ id }) => id);

const quick = { timeouts: { connect: 1_000 }, cwd: "/" };

/** Examines, and finds no secret in what it is told. */
export async function examined(options, more) {
  const report =
    typeof options === "object" && !(options instanceof URL)
      ? await diagnose({ ...quick, ...options })
      : await diagnose(options, { ...quick, ...more });
  assertNoSecret(JSON.stringify(report));
  assert.ok(report.ms < 15_500, `${report.ms} ms`);
  for (const { id, evidence, fix, meaning } of report.findings)
    assert.ok(evidence.length > 0 && evidence.every(Boolean) && fix && meaning, id);
  return report;
}

/** The finding that is the cause, and nothing else is wrong but what `also` names. */
export async function finds(id, severity, options, { also = [], ready = severity !== "error" } = {}) {
  const report = await examined(options);
  const shown = JSON.stringify(report, null, 1);
  assert.deepEqual(problemsOf(report).sort(), [id, ...also].sort(), shown);
  const found = report.findings.find((finding) => finding.id === id);
  assert.equal(found.severity, severity, shown);
  assert.equal(report.verdict.cause, id, shown);
  assert.equal(found.role, "cause", shown);
  assert.equal(report.verdict.ready, ready, shown);
  assert.equal(report.verdict.status, severity, shown);
  return { ...found, report };
}

/** Nothing is wrong; gives the notes. */
export async function findsNothing(options) {
  const report = await examined(options);
  assert.deepEqual(problemsOf(report), [], JSON.stringify(report, null, 1));
  assert.deepEqual([report.verdict.status, report.verdict.cause], ["healthy", undefined]);
  assert.equal(report.verdict.ready, true);
  return { report, notes: report.findings.map(({ id }) => id) };
}

/** A peer of one's own making, gone after the test. */
export async function listening(t, accept, { host = "127.0.0.1", port = 0, create = createServer } = {}) {
  const sockets = new Set();
  const server = create((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    accept(socket);
  });
  server.on("tlsClientError", () => {});
  server.listen(port, host);
  await once(server, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server.address().port;
}

/** The next of several ports at which nothing listens, on both loopbacks. */
export async function portOfBoth() {
  for (;;) {
    const port = await freePort("127.0.0.1");
    const same = await new Promise((resolve) => {
      const server = createServer().once("error", () => resolve(false));
      server.listen(port, "::1", () => server.close(() => resolve(true)));
    });
    if (same) return port;
  }
}

export const hasIpv6 = await new Promise((resolve) => {
  const server = createServer().once("error", () => resolve(false));
  server.listen(0, "::1", () => server.close(() => resolve(true)));
});

/** Runs a program; gives its exit code and what it wrote. */
export async function run(file, args, { env = {}, input, ...options } = {}) {
  const { REDIS_URL, REDIS_URI, NODE_TEST_CONTEXT, NO_COLOR, FORCE_COLOR, ...inherited } = process.env;
  const child = spawn(file, args, { env: { ...inherited, ...env }, cwd: "/", ...options });
  const written = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"])
    child[name].on("data", (chunk) => {
      written[name] += chunk;
    });
  child.stdin.end(input);
  const [code] = await once(child, "close");
  assertNoSecret(written.stdout + written.stderr);
  return { code, ...written };
}

/** `edgis` on this Node; `node` are flags of that, and `through` a program that runs it. */
export function edgis(args, { node = [], through = [], ...options } = {}) {
  const [file, ...before] = [...through, process.execPath];
  return run(file, [...before, ...node, bin, ...args], options);
}

/** The report of `edgis doctor --json`. */
export async function reported(args, options) {
  const { stdout, stderr, code } = await edgis(["doctor", "--json", ...args], options);
  assert.ok(stdout.startsWith("{"), stderr);
  return { code, ...JSON.parse(stdout) };
}

/** Runs a program; gives the JSON in the last line of its output. */
export async function told(program, { node = [], through = [], ...options } = {}) {
  const [file, ...before] = [...through, process.execPath];
  const args = [...before, ...node, "--input-type=module", "--eval", program];
  const { stdout, stderr } = await run(file, args, { cwd: root, ...options });
  const last = stdout.trim().split("\n").at(-1);
  assert.ok(last.startsWith("{"), stderr);
  return JSON.parse(last);
}
