// What must never run, and what must never be seen: commands behind a handshake that fails, and secrets.
import assert from "node:assert/strict";
import test from "node:test";
import { inspect } from "node:util";
import { startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";
import { observe } from "./observer.mjs";
import { nobody, proxy, saying, scripted } from "./peers.mjs";
import { here } from "./runtimes.mjs";

const logger = false;
const caught = (promise) =>
  promise.then(
    (value) => value,
    (error) => error,
  );

/** Twenty commands from cold that would leave traces, and reads among them. */
function traces(client) {
  const commands = [client.get("seed")];
  for (let i = 0; i < 10; i += 1) commands.push(client.set(`trace:${i}`, i), client.incr("count"), client.get("seed"));
  return Promise.all(commands.map(caught));
}

async function nothingRan(observer) {
  assert.equal(await observer.ask("EXISTS", "count", "trace:0", "trace:9"), 0);
  for (const command of ["set", "incr", "get"]) assert.equal(await observer.calls(command), 0, command);
}

test("a wrong password beside a permissive default user runs nothing, in both protocols", async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const observer = await observe(server);
  t.after(() => observer.close());
  await observer.ask("ACL", "SETUSER", "app", "on", ">right", "+@all", "~*");
  for (const options of [
    { password: "wrong", username: "app" },
    { password: "wrong", username: "ghost" },
  ]) {
    for (const protocol of [2, 3]) {
      const client = createClient({ url: server.url, logger, protocol, ...options });
      for (const error of await traces(client))
        assert.deepEqual([error.kind, error.reason, error.sent], ["DisabledError", "auth", "no"]);
      await client.close();
      await nothingRan(observer);
    }
  }
});

test("a database that does not exist runs nothing, neither there nor in 0", async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const observer = await observe(server);
  t.after(() => observer.close());
  for (const protocol of [2, 3]) {
    const client = createClient({ url: `${server.url}/77`, logger, protocol });
    for (const error of await traces(client))
      assert.deepEqual([error.kind, error.reason, error.sent], ["DisabledError", "denied", "no"]);
    await client.close();
    await nothingRan(observer);
  }
});

test("no credentials where they are wanted: nothing runs, also when HELLO is not known", async (t) => {
  const server = await startRedis({ args: ["--requirepass", "right"] });
  t.after(() => server.stop());
  const observer = await observe(server, "right");
  t.after(() => observer.close());
  const old = await proxy(server, ([name]) => (name === "HELLO" ? "-ERR unknown command 'HELLO'\r\n" : undefined));
  t.after(() => old.close());
  for (const url of [server.url, old.url]) {
    const client = createClient({ url, logger });
    for (const error of await traces(client)) assert.deepEqual([error.kind, error.reason], ["DisabledError", "auth"]);
    await client.close();
    await nothingRan(observer);
  }
});

test("an INCR is never done twice, however often a dial fails before it leaves", async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  let refused = 0;
  const shaky = await proxy(server, ([name]) => {
    if (name !== "HELLO" || refused >= 3) return undefined;
    refused += 1;
    return "-LOADING not yet\r\n";
  });
  t.after(() => shaky.close());
  const client = createClient({ url: shaky.url, logger, offline: "wait", timeouts: { connect: "20s" } });
  t.after(() => client.close());
  const counts = await Promise.all(Array.from({ length: 5 }, () => client.incr("n")));
  assert.deepEqual(counts, [1, 2, 3, 4, 5]);
  assert.equal(refused, 3);
});

test("reads that ride behind HELLO are answered from the server and database of their own", async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const observer = await observe(server);
  t.after(() => observer.close());
  await observer.ask("SET", "where", "zero");
  await observer.ask("SELECT", 5);
  await observer.ask("SET", "where", "five");
  for (const [path, expected] of [
    ["", "zero"],
    ["/5", "five"],
  ]) {
    const client = createClient({ url: server.url + path, logger });
    const cold = [client.get("where"), client.set("w", 1), client.get("w"), client.get("where")];
    assert.deepEqual(await Promise.all(cold), [expected, "OK", "1", expected]);
    await client.close();
  }
});

const secrets = ["s3cret-password", "s3cret-argument", "s3cret-key", "s3cret-token"];

// Deno's recurses into getters until its stack is full, Bun's takes minutes.
const inspection = here === "node" ? { depth: 8, showHidden: true, getters: true } : { depth: 4, showHidden: true };

/** Everything that a log, an error tracker or a careless console.log would show. */
function shown(...things) {
  const text = [];
  const add = (thing, depth) => {
    text.push(inspect(thing, inspection), String(thing?.stack ?? thing?.message ?? ""));
    try {
      text.push(JSON.stringify(thing, (_, value) => (typeof value === "bigint" ? String(value) : value)) ?? "");
    } catch {
      // Not everything has a JSON form.
    }
    if (thing?.cause !== undefined && depth < 5) add(thing.cause, depth + 1);
  };
  for (const thing of things) add(thing, 0);
  return text.join("\n");
}

test("no password, token, key or argument is in any error, status, log line or inspection", async (t) => {
  const server = await startRedis({ args: ["--requirepass", "right"] });
  t.after(() => server.stop());
  const [password, argument, key, token] = secrets;
  const greeting = ([name]) => (name === "HELLO" || name === "CLIENT" || name === "AUTH" ? undefined : "");
  const echoing = (args) =>
    `-ERR unknown command '${args[0]}', with args beginning with: ${args
      .slice(1)
      .map((arg) => `'${arg}' `)
      .join("")}\r\n`;
  const peers = await Promise.all([
    saying("HTTP/1.1 400 Bad Request\r\n\r\n"),
    scripted(greeting),
    scripted(echoing),
    scripted((args) => (args[0] === "HELLO" || args[0] === "CLIENT" ? undefined : echoing(args))),
    scripted((args) =>
      args[0] === "HELLO" ? echoing(args).replace("unknown command", "wrong number of arguments for") : undefined,
    ),
    scripted((args) => (args[0] === "HELLO" ? `-ERR I do not like ${args[3]}\r\n` : undefined)),
    scripted((args, socket) => (args[0] === "GET" || args[0] === "SET" ? void socket.destroy() : undefined)),
    scripted((args) => (args[0] === "GET" || args[0] === "SET" ? `!${argument}\r\n` : undefined)),
  ]);
  t.after(() => Promise.all(peers.map((peer) => peer.close())));
  const withPassword = (url) => url.replace("redis://", `redis://user:${password}@`);
  const urls = [server.url, await nobody(), "redis://no-such-host.invalid", ...peers.map((peer) => peer.url)].map(
    withPassword,
  );
  urls.push(
    `redis://:${password}@`,
    `redis://:${password}/x@h`,
    `http://:${password}@h`,
    `redis://:${password}%zz@h`,
    `${password}`,
    `redis://h/${password}`,
    `redis://${password}:x:y@h:z`,
  );
  const lines = [];
  const keeping = { info: (line) => lines.push(line), warn: (line) => lines.push(line) };
  for (const options of [
    ...urls.map((url) => ({ url })),
    { url: withPassword(server.url), [token]: 1 },
    { url: server.url, password, db: token },
    { url: server.url, credentials: () => ({ password }) },
  ]) {
    const client = createClient({
      logger: keeping,
      timeouts: { connect: 250, command: 100 },
      share: false,
      ...options,
    });
    const errors = [];
    const attempts = [
      () => client.set(key, argument),
      () => client.get(key),
      () => client.call("NOSUCH", key, argument),
      () => client.set(key, { toString: () => argument, x: { y: argument } }),
      () => client.set(key, new (class extends String {})(argument)),
      () => client.set(key, Symbol(argument)),
      () => client.hset("h", { [argument]: { nested: argument } }),
      () => client.call("SUBSCRIBE", argument),
      () => client.ready({ timeout: 50 }),
    ];
    for (const attempt of attempts) errors.push(await caught(attempt()));
    const text = shown(...errors, await client.init(), client.status(), client.stats(), client, client.bytes);
    for (const secret of secrets) {
      const at = text.indexOf(secret);
      const allowed = secret === token && options[token] !== undefined;
      assert.ok(at < 0 || allowed, `${secret} with ${options.url}: …${text.slice(Math.max(0, at - 300), at + 100)}…`);
    }
    await client.close();
  }
  await new Promise(setImmediate);
  for (const secret of secrets.slice(0, 3))
    assert.ok(
      !lines.join("\n").includes(secret),
      lines.find((line) => line.includes(secret)),
    );
  assert.ok(lines.length > 20);
});

test("an error of the server keeps its words, but not the arguments that Redis repeats in them", async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const client = createClient({ url: server.url, logger });
  t.after(() => client.close());
  const error = await caught(client.call("NOSUCH", "s3cret-argument"));
  assert.match(error.message, /^ERR unknown command 'NOSUCH'/);
  assert.ok(!error.message.includes("s3cret"), error.message);
});
