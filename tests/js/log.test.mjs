// What is written to a logger: one line for each thing that happened.
import assert from "node:assert/strict";
import test from "node:test";
import { startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";
import { scripted } from "./peers.mjs";
import { run } from "./programs.mjs";

test("a server's words end no line and move no cursor", async (t) => {
  const words = "ERR first\nsecond\r\u001b[2J\u009b31m\u2028third\u007f é";
  const peer = await scripted(([name]) =>
    name === "SELECT" ? `!${Buffer.byteLength(words)}\r\n${words}\r\n` : undefined,
  );
  t.after(() => peer.close());
  const lines = [];
  const logger = { info: (line) => lines.push(line), warn: (line) => lines.push(line) };
  const client = createClient({ url: `${peer.url}/1`, logger });
  t.after(() => client.close());
  const { state, message } = await client.init();
  assert.equal(state, "disabled");
  assert.match(message, /first\\nsecond\\u000d\\u001b\[2J/, "in errors that others log, too");
  await new Promise(setImmediate);
  const text = lines.join("");
  assert.match(text, /ERR first\\nsecond.*\\u001b\[2J\\u009b31m\\u2028third\\u007f é/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  assert.doesNotMatch(text, /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
});

test("lines are in the order of what happened, on standard error, and say how late they are", async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const { stdout, stderr, code } = await run(
    `import { createClient } from "edgis";
     const redis = createClient();
     await redis.ping();
     // What could be written at once must not come before what is written a moment later.
     createClient({ url: process.env.REDIS_URL, idleTimeout: "1h" }).status();
     redis.on("state", 5);
     await redis.close();
     console.log("the program's own");`,
    { env: { REDIS_URL: server.url } },
  );
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "the program's own\n");
  const lines = stderr.trim().split("\n");
  const kinds = [/connecting to/, /ready: connected/, /two clients set/, /on\("state"\) needs a function/];
  assert.equal(lines.length, kinds.length, stderr);
  for (const [index, kind] of kinds.entries()) assert.match(lines[index], kind);
});

test("a logger of one's own is told at once, and the console how long ago it was", async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const told = [];
  const logger = { info: (line) => told.push([line, performance.now()]), warn: (line) => told.push([line]) };
  const client = createClient({ url: server.url, logger });
  t.after(() => client.close());
  await client.init();
  await new Promise(setImmediate);
  assert.equal(told.length, 2, String(told));
  assert.match(told[1][0], /ready: connected .*dial \d+ in \d+ ms\)$/);
  const { stderr } = await run(
    `import { createClient } from "edgis";
     const redis = createClient();
     await redis.ping();
     await new Promise((resolve) => setTimeout(resolve, 200));
     await redis.close();`,
    { env: { REDIS_URL: server.url } },
  );
  assert.match(stderr, /ready: connected .*, \d+ ms ago\)/);
});
