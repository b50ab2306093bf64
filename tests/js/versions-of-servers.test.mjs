// What servers of several versions see of a client, and what their errors would show of its arguments.
import assert from "node:assert/strict";
import test from "node:test";
import { startRedis } from "edgis/testing";
import { binaries } from "../cache/servers.mjs";
import { createClient } from "./connect.mjs";

const SECRET = "s3cretXYZZY";

/** Calls whose errors repeat the last argument, on one version or another. */
const repeated = [
  ["LATENCY", SECRET],
  ["SCRIPT", SECRET],
  ["CONFIG", SECRET],
  ["MEMORY", SECRET],
  ["XINFO", SECRET],
  ["OBJECT", SECRET],
  ["XINFO", "CONSUMERS", "stream", SECRET],
  ["XPENDING", "stream", SECRET],
  ["XPENDING", SECRET, SECRET],
  ["XREADGROUP", "GROUP", SECRET, "c", "STREAMS", "stream", ">"],
  ["LATENCY", "GRAPH", SECRET],
  ["EXPIRE", "k", "1", SECRET],
  ["ACL", "CAT", SECRET],
  ["ACL", "DRYRUN", SECRET, "GET", "k"],
  ["ACL", "DRYRUN", "default", SECRET],
  ["ACL", "SETUSER", "u", `(${SECRET}`],
  ["ACL", "SETUSER", "u", `${SECRET}'${SECRET}`],
  ["FUNCTION", "LIST", SECRET],
  ["FUNCTION", "LOAD", SECRET, SECRET],
  ["CLIENT", "SETINFO", SECRET, "x"],
  ["CONFIG", "SET", SECRET, SECRET],
  ["CONFIG", "SET", "maxmemory", SECRET],
  ["NOSUCH", SECRET, `${SECRET}'`],
];

for (const [version, binary] of binaries)
  test(`${version}: no error repeats an argument`, async (t) => {
    const server = await startRedis({ binary });
    t.after(() => server.stop());
    const client = createClient({ url: server.url, logger: false });
    t.after(() => client.close());
    await client.call("XADD", "stream", "*", "a", "b");
    let errors = 0;
    for (const call of repeated) {
      const error = await client.call(...call).catch((error) => error);
      if (!(error instanceof Error)) continue;
      errors += 1;
      assert.doesNotMatch(String(error.stack), /s3cret/, call[0]);
      assert.equal(error.kind, "ReplyError");
    }
    assert.ok(errors > 15, `${errors}`);
    // A script's words are its own.
    const script = "return redis.error_reply(\"ERR my own: User 'bob' not found\")";
    await assert.rejects(client.call("EVAL", script, 0), { message: "ERR my own: User 'bob' not found" });
  });

for (const [version, binary] of binaries)
  test(`${version}: the library is named where that is known, and costs no error`, async (t) => {
    for (const protocol of [3, 2]) {
      const server = await startRedis({ binary });
      t.after(() => server.stop());
      const client = createClient({ url: server.url, logger: false, name: "app", protocol });
      t.after(() => client.close());
      await client.ping();
      const [, list] = await Promise.all([client.ping(), client.call("CLIENT", "LIST")]);
      assert.match(list, / name=app /);
      const [, major, minor] = /redis_version:(\d+)\.(\d+)/.exec(await client.call("INFO", "server")).map(Number);
      const isKnown = major * 100 + minor >= 702;
      assert.equal(/ lib-name=edgis /.test(list), isKnown, `RESP${protocol}: ${list}`);
      assert.doesNotMatch(await client.call("INFO", "errorstats"), /errorstat_/);
      await client.close();
      await server.stop();
    }
  });
