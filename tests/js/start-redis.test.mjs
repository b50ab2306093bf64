// edgis/testing: throwaway servers, and what becomes of them.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { createClient } from "edgis";
import { findRedisServer, freePort, startRedis } from "edgis/testing";
import { observe } from "./observer.mjs";
import { answer, run } from "./programs.mjs";
import { evaluate } from "./runtimes.mjs";

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

/** A server that takes 12 s to load its data; it does so while the other tests run. */
const loading = await (async () => {
  const server = await startRedis();
  const observer = await observe(server);
  for (let key = 0; key < 600; key += 1) observer.ask("SET", key, randomBytes(128).toString("hex"));
  await observer.ask("SET", "last", "one");
  await observer.ask("SAVE");
  observer.close();
  const begun = performance.now();
  let ended = begun;
  const slow = ["--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024"];
  const promise = server.restart({ args: slow }).finally(() => {
    ended = performance.now();
  });
  promise.catch(() => {});
  return { server, promise, took: () => ended - begun };
})();

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
  const [executable, ...args] = evaluate(program);
  const child = spawn(executable, args, { cwd: repository });
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

/** What a promise came to: "up", or the beginning of its message. */
const outcome = (promise) =>
  Promise.race([
    promise.then(
      () => "up",
      (error) => error.message,
    ),
    new Promise((resolve) => setTimeout(resolve, 30_000, "pending").unref()),
  ]);

/** The processes that hold the folder or the port of a server, as their command lines tell. */
const processesOf = ({ port }) =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`:${port}`);
      } catch {
        return false;
      }
    })
    .map(Number);

const onLinux = { skip: process.platform !== "linux" };

test(
  "operations that are not awaited take turns: all settle, the last one counts, nothing is orphaned",
  onLinux,
  async () => {
    const server = await startRedis();
    const { port } = server;
    const both = await Promise.all([server.restart(), server.restart()].map(outcome));
    assert.deepEqual(both, ["up", "up"]);
    assert.deepEqual(processesOf(server), [server.pid]);

    const overtaken = await Promise.all([server.restart(), server.restart(), server.kill()].map(outcome));
    assert.match(overtaken[0], /ended by kill\(\) before it answered/);
    assert.match(overtaken[1], /ended by kill\(\) before it answered/);
    assert.equal(overtaken[2], "up");
    assert.deepEqual([server.running, processesOf(server)], [false, []]);

    const revived = await Promise.all([server.kill(), server.stop(), server.restart()].map(outcome));
    assert.deepEqual(revived, ["up", "up", "up"]);
    assert.deepEqual([server.running, server.port, processesOf(server)], [true, port, [server.pid]]);

    // In the midst of a start, at any moment of it.
    for (let wait = 0; wait < 12; wait += 1) {
      const start = outcome(server.restart());
      await new Promise((resolve) => setTimeout(resolve, wait));
      const ends = [server.stop(), server.kill(), server.stop()].map(outcome);
      assert.match(await start, /^up$|before it answered/);
      assert.deepEqual(await Promise.all(ends), ["up", "up", "up"]);
      assert.deepEqual([server.running, processesOf(server)], [false, []]);
    }
  },
);

test(
  "after stop a restart brings up an empty server; one that fails leaves no process, and the next may do",
  onLinux,
  async () => {
    const server = await startRedis({ args: ["--appendonly", "yes"] });
    const asked = async (...command) => {
      const observer = await observe(server);
      const reply = await observer.ask(...command);
      observer.close();
      return reply;
    };
    await asked("SET", "k", "v");
    await server.restart();
    assert.equal(await asked("GET", "k"), "v");
    await server.stop();
    await server.restart();
    assert.equal(await asked("DBSIZE"), 0);
    await assert.rejects(server.restart({ args: ["--no-such-option", "1"] }), /exit code 1.*no-such-option/s);
    assert.deepEqual([server.running, processesOf(server)], [false, []]);
    await server.restart({ args: [] });
    await server.kill();

    // Whoever has taken the port meanwhile does not answer in its place.
    const other = await startRedis({ port: server.port });
    await assert.rejects(server.restart(), { code: "EADDRINUSE" });
    await assert.rejects(startRedis({ port: server.port }), { code: "EADDRINUSE" });
    assert.equal(server.running, false);
    await Promise.all([server.stop(), other.stop()]);
  },
);

test("a restart that a stop overtakes needs no listener", async () => {
  const told = await answer(
    `const { startRedis } = await import("edgis/testing");
    const server = await startRedis();
    server.restart();
    server.restart();
    await server.stop();
    console.log(JSON.stringify({ unhandled: __unhandled, running: server.running }));`,
    { witnessed: true },
  );
  assert.deepEqual([told.unhandled, told.running], [0, false]);
});

test("a binary that is no redis-server is said to be none, with its exit code", async () => {
  await assert.rejects(startRedis({ binary: "/bin/true" }), /exit code 0.*\/bin\/true seems to be no redis-server/s);
  await assert.rejects(startRedis({ binary: "/bin/false" }), /exit code 1.*seems to be no redis-server.*nothing/s);
  await assert.rejects(startRedis({ binary: "/tmp" }), /\/tmp cannot be run: .*EACCES/);
  await assert.rejects(startRedis({ args: ["--port", "none"] }), (error) => !error.message.includes("seems to be"));
});

test("options that make no sense are refused by name, before anything is started", async () => {
  for (const [options, message] of [
    [{ prot: 7000 }, /startRedis\(\): unknown option "prot"; did you mean port\?/],
    [{ arguments: [] }, /unknown option "arguments"; did you mean args\?|there are args, port/],
    [{ port: 70_000 }, /port must be a port/],
    [{ port: "6379" }, /port must be a port/],
    [{ args: "--maxclients 1" }, /args must be an array of strings/],
    [{ args: ["--maxclients", 1] }, /args must be an array of strings/],
    [{ tls: "yes" }, /tls must be true or false/],
    [{ binary: "" }, /binary must be the path/],
    [null, /takes an object of options, not null/],
  ]) {
    await assert.rejects(startRedis(options), (error) => error instanceof TypeError && message.test(error.message));
  }
  const server = await startRedis({ port: undefined, args: undefined, tls: undefined, binary: undefined });
  await assert.rejects(server.restart({ arg: [] }), /restart\(\): unknown option "arg"; did you mean args\?/);
  assert.equal(server.running, true);
  await server.restart({ args: undefined });
  await server.stop();
});

test("restart waits while the server loads its data, longer than for one that is silent", async () => {
  await loading.promise;
  const observer = await observe(loading.server);
  assert.equal(await observer.ask("DBSIZE"), 601);
  observer.close();
  await loading.server.stop();
  assert.ok(loading.took() > 10_500, `${loading.took()} ms are no long time to load`);
});
