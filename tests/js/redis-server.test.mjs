import assert from "node:assert/strict";
import test from "node:test";
import { startRedis } from "./redis-server.mjs";

test("a server answers, can be killed and comes back on its port", async () => {
  const first = await startRedis();
  await first.kill();
  assert.equal(first.running, false);
  const second = await startRedis({ port: first.port, args: ["--requirepass", "x"] });
  assert.equal(second.port, first.port);
  second.pause();
  second.resume();
  await second.stop();
});

test("a server that cannot start says why", async () => {
  await assert.rejects(startRedis({ args: ["--no-such-option", "1"] }), /no-such-option/);
});
