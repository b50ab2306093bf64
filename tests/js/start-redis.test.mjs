// edgis/testing: throwaway servers, and what becomes of them.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { createClient } from "edgis";
import { findRedisServer, freePort, startRedis } from "edgis/testing";
import { observe } from "./observer.mjs";
import { run } from "./programs.mjs";

const logger = false;
const repository = fileURLToPath(new URL("../..", import.meta.url));

const isAlive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

async function until(holds, within = 10_000) {
  const limit = performance.now() + within;
  while (!(await holds())) {
    assert.ok(performance.now() < limit, "it did not come to hold in time");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("a server answers, can be killed, and comes back on its port as another process", async () => {
  const server = await startRedis();
  const { pid, port, url } = server;
  assert.ok(server.running && isAlive(pid));
  await server.kill();
  assert.deepEqual([server.running, isAlive(pid)], [false, false]);
  await server.restart();
  assert.deepEqual([server.port, server.url, server.running], [port, url, true]);
  assert.notEqual(server.pid, pid);
  await server.restart({ args: ["--requirepass", "x"] });
  const observer = await observe(server, "x");
  assert.equal(await observer.ask("PING"), "PONG");
  observer.close();
  await server.stop();
  await server.stop();
  assert.equal(server.running, false);
});

test("a paused server keeps its connections and says nothing; one that is paused can be stopped", async () => {
  const server = await startRedis();
  const observer = await observe(server);
  server.pause();
  let answered = false;
  const answer = observer.ask("PING").then(() => {
    answered = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(answered, false);
  server.resume();
  await answer;
  server.pause();
  await server.stop();
  assert.equal(server.running, false);
  observer.close();
});

test("a server that cannot start says why, and leaves nothing behind", async () => {
  const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith("edgis-redis-")).length;
  const before = folders();
  await assert.rejects(startRedis({ args: ["--no-such-option", "1"] }), /did not start[\s\S]*no-such-option/);
  await assert.rejects(startRedis({ binary: "/nowhere/redis-server" }), /nowhere.*Install Redis/);
  assert.ok(folders() <= before, "of other tests some may have gone meanwhile");
});

test("where there is no redis-server the error says what to install", async () => {
  const program = `
    const { findRedisServer, startRedis } = await import("edgis/testing");
    console.log(findRedisServer() ?? "none", (await startRedis().catch((error) => error)).message);
  `;
  const env = { PATH: "/nowhere", EDGIS_REDIS_SERVER: "" };
  const { stdout } = await run(program, { env });
  assert.match(stdout, /^none .*no redis-server.*apt-get install redis-server.*brew install redis.*EDGIS_REDIS_SERVER/);
  const named = await run(program, { env: { ...env, EDGIS_REDIS_SERVER: findRedisServer() } });
  assert.doesNotMatch(named.stdout, /none/);
});

test("a server on a Unix socket; what await using calls stops it, and its folder is gone", async () => {
  const server = await startRedis({ socket: true });
  assert.equal(server.url, `unix://${server.path}`);
  const client = createClient({ url: server.url, logger });
  assert.equal(await client.ping(), "PONG");
  await client.close();
  await server[Symbol.asyncDispose]();
  assert.deepEqual([existsSync(server.path), server.running], [false, false]);
});

test("with tls the server speaks nothing else, and its certificate is good for localhost and both loopbacks", async (t) => {
  const server = await startRedis({ tls: true });
  t.after(() => server.stop());
  assert.match(server.url, /^rediss:/);
  for (const host of ["127.0.0.1", "localhost"]) {
    const client = createClient({ url: `rediss://${host}:${server.port}`, tls: server.tls, logger });
    assert.equal((await client.init()).state, "ready", client.status().message);
    assert.equal(await client.set("over", "tls"), "OK");
    await client.close();
  }
  const stranger = createClient({ url: server.url, logger });
  assert.equal((await stranger.init()).reason, "tls");
  await stranger.close();
  await server.restart({ args: ["--tls-auth-clients", "yes"] });
  const known = createClient({ url: server.url, tls: server.tls, logger });
  assert.equal((await known.init()).state, "ready", known.status().message);
  await known.close();
  const { ca } = server.tls;
  const unknown = createClient({ url: server.url, tls: { ca }, logger });
  assert.equal((await unknown.init()).state, "disabled");
  await unknown.close();
});

test("freePort gives a port that refuses", async () => {
  const client = createClient({ url: `redis://127.0.0.1:${await freePort()}`, logger });
  assert.equal((await client.init()).reason, "refused");
  await client.close();
});

test("a server does not keep its process alive, and ends with it", async () => {
  const { stdout, code } = await run(`
    const { startRedis } = await import("edgis/testing");
    const server = await startRedis({ socket: true });
    console.log(server.pid, server.path);
  `);
  assert.equal(code, 0);
  const [pid, path] = stdout.trim().split(" ");
  await until(() => !isAlive(Number(pid)));
  await until(() => !existsSync(path));
});

test("a server does not outlive a process that is killed, not even a paused one, and its folder goes too", async () => {
  const program = `
    const { startRedis } = await import("edgis/testing");
    const servers = [await startRedis({ socket: true }), await startRedis({ socket: true })];
    const [stopped] = await Promise.all([startRedis({ socket: true })]);
    await stopped.stop();
    await servers[1].restart();
    servers[1].pause();
    console.log(JSON.stringify([...servers, stopped].map(({ pid, path }) => ({ pid, path }))));
    setInterval(() => {}, 1_000);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { cwd: repository });
  const [line] = await new Promise((resolve) =>
    child.stdout.once("data", (chunk) => resolve(String(chunk).split("\n"))),
  );
  const servers = JSON.parse(line);
  assert.deepEqual(
    servers.map(({ pid }) => isAlive(pid)),
    [true, true, false],
  );
  child.kill("SIGKILL");
  for (const { pid, path } of servers) {
    await until(() => !isAlive(pid));
    await until(() => !existsSync(path));
  }
});
