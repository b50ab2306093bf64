// The documented grants suffice for a cache, and each one that is missing is named.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { createClient } from "edgis";
import { createCache } from "edgis/cache";
import { startRedis } from "edgis/testing";
import { until } from "./scene.mjs";
import { binaries } from "./servers.mjs";

/** As they are documented. */
const [, rules] = /ACL SETUSER app on >secret (.*)/.exec(
  readFileSync(fileURLToPath(new URL("../../docs/cache.md", import.meta.url)), "utf8"),
);
const grants = rules.split(" ").filter((rule) => /^[+~]/.test(rule));

async function scene(t, binary, rules) {
  const server = await startRedis({ binary });
  const admin = createClient({ url: server.url, logger: false });
  await admin.call("ACL", "SETUSER", "app", "on", ">secret", ...rules);
  const said = [];
  const logger = { warn: (line) => said.push(line), error() {}, info() {}, debug() {} };
  const url = server.url.replace("redis://", "redis://app:secret@");
  const client = createClient({ url, logger, share: false });
  t.after(async () => {
    await client.close();
    await admin.close();
    await server.stop();
  });
  const gone = [];
  const make = (options = {}) => {
    const cache = createCache({ client, namespace: "shop", prefix: "app1:", ttl: "1m", ...options });
    return cache.on("fallback", ({ error }) => gone.push(String(error?.message)));
  };
  await client.init();
  return { admin, said, gone, make };
}

/** Everything that a cache does, twice: scripts are sent whole the first time. Gives why something was not applied. */
async function useAll(make) {
  const refused = [];
  const [near, cache] = [make({ l1: true }), make()];
  const applied = async (act) => act().catch((error) => refused.push(error.message));
  for (let round = 0; round < 2; round += 1) {
    for (const one of [cache, near]) {
      await one.getOrSet("a", () => 1, { tags: ["t"] });
      await one.getOrSet("a", () => 1, { tags: ["t"] });
    }
    await cache.getOrSet("long", () => 2, { tags: () => ["u"], ttl: "2d" });
    await cache.getOrSet("skipped", ({ skip }) => skip(3));
    await cache.getOrSet("failing", () => Promise.reject(new Error("the origin"))).catch(() => {});
    await applied(() => cache.set("set", 4, { tags: ["t"], require: "applied" }));
    await applied(() => cache.delete("a", { require: "applied" }));
    await applied(() => cache.deleteByTag("t", { require: "applied" }));
    await applied(() => cache.clear({ require: "applied" }));
  }
  return { cache, refused };
}

for (const [version, binary] of binaries) {
  test(`the documented grants are enough (${version})`, async (t) => {
    const { admin, said, gone, make } = await scene(t, binary, rules.split(" "));
    const { cache, refused } = await useAll(make);
    assert.deepEqual([said, gone, refused], [[], [], []]);
    const { hits, fills, fillsRefused, invalidations } = cache.stats();
    assert.deepEqual([hits, fills, fillsRefused], [2, 4, 0]);
    assert.equal(invalidations.applied, 8);
    assert.ok((await admin.keys("*")).every((key) => key.startsWith("app1:")));
  });

  test(`without one of the grants it is said which there must be (${version})`, async (t) => {
    for (const missing of grants) {
      await t.test(missing, async (t) => {
        const left = rules.split(" ").filter((rule) => rule !== missing);
        const { said, make } = await scene(t, binary, left);
        await useAll(make);
        await until(() => said.length > 0, 5_000, "a line in the log");
        assert.ok(
          said.some((line) => line.includes(missing === "~app1:*" ? "~app1:ec:{shop|* ~app1:el:{shop|*" : missing)),
          said[0],
        );
      });
    }
  });
}

test("caches of two prefixes share nothing, and each has a tracking of its own", async (t) => {
  const { admin, make } = await scene(t, undefined, ["~*", "+@all"]);
  const [one, two] = [make({ l1: { maxStale: "20s" } }), make({ prefix: "app2:", l1: { maxStale: "20s" } })];
  await one.set("k", 1);
  assert.equal(await two.get("k"), undefined);
  await two.set("k", 2);
  for (const [cache, value] of [
    [one, 1],
    [two, 2],
  ]) {
    await until(async () => (await cache.get("k")) === value && cache.stats().l1Hits > 0);
  }
  await admin.del("app2:ec:{shop|k}");
  await until(() => two.stats().l1Entries === 0);
  assert.equal(one.stats().l1Entries, 1);
});

test("a prefix that would break the slots of a cluster, or is no text, is refused", () => {
  const client = createClient({ logger: false });
  for (const prefix of ["{a}", "a*", "a b", "a|", "x".repeat(65), 1, null]) {
    assert.throws(() => createCache({ client, namespace: "a", ttl: 1, prefix }), {
      name: "ConfigError",
      message: /prefix/,
    });
  }
});
