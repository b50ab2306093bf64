// Layer 3: what may stand at an address in the place of Redis. The incident that edgis was made for comes first.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { faultProxy, freePort, startRedis } from "edgis/testing";
import { resolving } from "./names.mjs";
import { edgis, examined, finds, findsNothing, hasIpv6, listening, portOfBoth, reported, told } from "./scene.mjs";
import { swallowing } from "./swallowing.mjs";

let server;
before(async () => {
  server = await startRedis({ socket: true });
});
after(() => server.stop());

const both = { hosts: { localhost: ["::1", "127.0.0.1"] } };

/** Whether this machine is a container, as a program sees it, for the time of a test. */
function pretendContainer(t, is) {
  const { existsSync, readFileSync } = fs;
  const { container, KUBERNETES_SERVICE_HOST } = process.env;
  const files = ["/.dockerenv", "/run/.containerenv"];
  fs.existsSync = (path) => (files.includes(path) ? is && path === files[0] : existsSync(path));
  fs.readFileSync = (path, ...rest) => (path === "/proc/1/cgroup" ? "0::/" : readFileSync(path, ...rest));
  delete process.env.container;
  delete process.env.KUBERNETES_SERVICE_HOST;
  syncBuiltinESMExports();
  t.after(() => {
    Object.assign(fs, { existsSync, readFileSync });
    if (container !== undefined) process.env.container = container;
    if (KUBERNETES_SERVICE_HOST !== undefined) process.env.KUBERNETES_SERVICE_HOST = KUBERNETES_SERVICE_HOST;
    syncBuiltinESMExports();
  });
}

test("the incident: ::1 accepts and closes, Redis is on 127.0.0.1, and the URL says localhost", async (t) => {
  if (!hasIpv6) return t.skip("this machine has no ::1");
  await resolving(t, {}, both);
  for (const how of ["close", "reset", "close when spoken to"]) {
    const port = await portOfBoth();
    const redis = await startRedis({ port });
    t.after(() => redis.stop());
    await listening(
      t,
      (socket) => {
        if (how === "close") socket.destroy();
        else if (how === "reset") socket.resetAndDestroy();
        else socket.once("data", () => socket.destroy());
      },
      { host: "::1", port },
    );
    const found = await finds("net.accepts-then-closes", "warning", { url: `redis://localhost:${port}` });
    assert.match(found.meaning, /accepts connections, but nothing answers behind it/);
    assert.match(found.cause, /container, or of a proxy, whose target is bound to IPv4 only/);
    assert.deepEqual(found.fixes, [
      `use the address that works: redis://127.0.0.1:${port}`,
      "use its family alone: createClient({ url, family: 4 })",
      "publish the port on [::] as well, and let Redis listen on both families in the container",
    ]);
    assert.match(
      found.evidence.join("\n"),
      new RegExp(`\\[::1\\]:${port} accepts .*\n127\\.0\\.0\\.1:${port} answers`),
    );
    const { verdict, checks } = found.report;
    assert.match(verdict.text, /^The client is ready, but: This address accepts/);
    assert.equal(checks.at(-1).detail.replace(/^ready in .*, at /, ""), `127.0.0.1:${port}`);
  }
});

test("net.accepts-then-closes: with no other address it is an error", async (t) => {
  for (const accept of [(socket) => socket.destroy(), (socket) => socket.end(), (socket) => socket.resetAndDestroy()]) {
    const port = await listening(t, accept);
    const { fixes } = await finds("net.accepts-then-closes", "error", { url: `redis://127.0.0.1:${port}` });
    assert.match(fixes[0], /start Redis behind it/);
  }
});

test("server.one-family: refused on ::1 is worth a note, since the other address answers", async (t) => {
  if (!hasIpv6) return t.skip("this machine has no ::1");
  await resolving(t, {}, both);
  const { notes } = await findsNothing({ url: `redis://localhost:${server.port}` });
  assert.ok(notes.includes("server.one-family"), notes.join());
});

test("net.refused and net.container-localhost: nothing listens, outside of a container and in one", async (t) => {
  const port = await freePort();
  pretendContainer(t, false);
  await finds("net.refused", "error", { url: `redis://127.0.0.1:${port}` });
  pretendContainer(t, true);
  const { fixes } = await finds("net.container-localhost", "error", { url: `redis://localhost:${port}` });
  assert.match(fixes.join(), /redis:\/\/redis:6379/);
});

test("net.refused: one of several addresses is dead, and the client is ready by another", async (t) => {
  await resolving(t, { "pair.test": { A: ["127.0.0.2", "127.0.0.1"] } });
  await finds("net.refused", "warning", { url: `redis://pair.test:${server.port}` });
});

test("net.timeout: packets are dropped", async (t) => {
  const { port, end } = await swallowing("127.0.0.1");
  t.after(end);
  if (port === undefined) return t.skip("this kernel's queues take everything");
  await finds("net.timeout", "error", { url: `redis://127.0.0.1:${port}`, timeouts: { connect: 600 } });
});

/** A program that runs another in a network of its own, in which nothing is but what `setup` makes; needs root. */
async function network(t, setup) {
  const through = ["unshare", "-n", "sh", "-c", `${setup} && exec "$@"`, "sh"];
  const works = await new Promise((resolve) => {
    const probe = spawn(through[0], [...through.slice(1), "true"], { stdio: "ignore" });
    probe.on("error", () => resolve(false));
    probe.on("close", (code) => resolve(code === 0));
  });
  if (!works) t.skip("such a network cannot be made here");
  return works ? through : undefined;
}

test("net.unreachable: there is no route", async (t) => {
  const through = await network(t, "ip link set lo up");
  if (through === undefined) return;
  const report = await reported(["redis://192.0.2.1:6379"], { through });
  assert.equal(report.verdict.cause, "net.unreachable", JSON.stringify(report));
  assert.equal(report.code, 1);
});

test("net.private-timeout: a private address that swallows packets", async (t) => {
  const through = await network(t, "ip link set lo up && ip addr add 10.1.2.3/24 dev lo");
  if (through === undefined) return;
  const report = await told(
    `import { diagnose } from "edgis/doctor";
     import { swallowing } from ${JSON.stringify(new URL("swallowing.mjs", import.meta.url).href)};
     const { port, end } = await swallowing("10.1.2.3");
     const report = await diagnose({ url: "redis://10.1.2.3:" + port, timeouts: { connect: 500 } });
     console.log(JSON.stringify({ ...report, port }));
     end();`,
    { through },
  );
  if (report.port === undefined) return t.skip("this kernel's queues take everything");
  assert.equal(report.verdict.cause, "net.private-timeout", JSON.stringify(report));
});

test("machine.ports: no local port is left", async (t) => {
  const through = await network(t, "ip link set lo up && echo 40000 40000 > /proc/sys/net/ipv4/ip_local_port_range");
  if (through === undefined) return;
  const report = await told(
    `import { once } from "node:events";
     import { connect, createServer } from "node:net";
     import { diagnose } from "edgis/doctor";
     const server = createServer().listen(6379, "127.0.0.1");
     await once(server, "listening");
     await once(connect(6379, "127.0.0.1"), "connect");
     console.log(JSON.stringify(await diagnose({ url: "redis://127.0.0.1:6379", timeouts: { connect: 500 } })));
     process.exit();`,
    { through },
  );
  assert.equal(report.verdict.cause, "machine.ports", JSON.stringify(report));
});

test("net.silent: a server that is suspended", async (t) => {
  const suspended = await startRedis();
  t.after(() => suspended.stop());
  suspended.pause();
  await finds("net.silent", "error", { url: suspended.url, timeouts: { connect: 600 } });
  const proxy = await faultProxy(server.url, { script: { toServer: { do: "drop" } } });
  t.after(() => proxy.close());
  await finds("net.silent", "error", { url: proxy.url, timeouts: { connect: 600 } });
});

test("other services are named by what they say", async (t) => {
  const http = (socket) =>
    socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"));
  const memcached = (socket) => socket.on("data", () => socket.write("ERROR\r\nERROR\r\n"));
  const peers = {
    "net.http": http,
    "net.ssh": (socket) => socket.write("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
    "net.memcached": memcached,
    "net.not-redis": (socket) => socket.write("220 mail.example ESMTP\r\n"),
  };
  for (const [id, accept] of Object.entries(peers)) {
    const port = await listening(t, accept);
    const { evidence } = await finds(id, "error", { url: `redis://127.0.0.1:${port}` });
    assert.match(evidence.join(), /says (HTTP\/1\.1 400|SSH-2\.0|ERROR|220 mail)/);
  }
});

test("what a peer says cannot move the cursor of a terminal", async (t) => {
  const port = await listening(t, (socket) => socket.write("\u001b[2J\u0007gone\r\n"));
  const { stdout } = await edgis(["doctor", `redis://127.0.0.1:${port}`]);
  assert.ok(!stdout.includes("\u001b") && !stdout.includes("\u0007"));
});

test("net.socket-path: a path that leads nowhere, and a socket where nobody listens", async (t) => {
  await findsNothing({ url: server.url });
  const missing = join(server.path, "..", "other.sock");
  await finds("net.socket-path", "error", { url: `unix://${missing}` });
  const killed = await startRedis({ socket: true });
  t.after(() => killed.stop());
  await killed.kill();
  await finds("net.socket-path", "error", { url: killed.url });
});

test("an address that is silent does not make the others wait", async (t) => {
  const port = await portOfBoth();
  if (!hasIpv6) return t.skip("this machine has no ::1");
  await resolving(t, {}, both);
  const redis = await startRedis({ port });
  t.after(() => redis.stop());
  await listening(t, () => {}, { host: "::1", port });
  const report = await examined({ url: `redis://localhost:${port}` });
  assert.deepEqual([report.verdict.cause, report.verdict.ready], ["net.silent", true]);
  assert.ok(report.ms < 6_000, `${report.ms}`);
});
