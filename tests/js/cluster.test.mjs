// A server in cluster mode that sends a command elsewhere is named as what it is.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startRedis } from "edgis/testing";
import { createClient } from "./connect.mjs";

let redis;
before(async () => {
  redis = await startRedis({ args: ["--cluster-enabled", "yes"] });
  const admin = createClient({ url: redis.url, logger: false });
  await admin.call("CLUSTER", "ADDSLOTSRANGE", 0, 100);
  // A slot of another node, so that the answer is MOVED and not CLUSTERDOWN.
  await admin.call("CONFIG", "SET", "cluster-require-full-coverage", "no");
  await admin.close();
});
after(() => redis.stop());

test("the command gets the server's error, the client is disabled and says why", async () => {
  const client = createClient({ url: redis.url, logger: false, id: "cluster" });
  const error = await client.get("some key").then(assert.fail, (reason) => reason);
  assert.equal(error.name, "ReplyError");
  assert.match(error.code, /^(MOVED|CLUSTERDOWN)$/);
  const status = client.status();
  assert.equal(status.state, "disabled");
  assert.equal(status.reason, "cluster");
  assert.match(status.hint, /Cluster/);
  await client.close();
});
