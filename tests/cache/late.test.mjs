// What comes too late: values that a network has held up, and reads that overlap with what makes them old.
import assert from "node:assert/strict";
import test from "node:test";
import { cacheScene, protocols, sleep } from "./scene.mjs";

test("a value that arrives late is not stored over an invalidation that was acknowledged before", async (t) => {
  const outcomes = await Promise.all(
    // Wherever the flow stops: before the question, between both, inside the value.
    [0, 100, 250, 400, 500, 560, 600, 640, 680, 720, 760].map(async (after) => {
      const { proxy, cache: make } = await cacheScene(t);
      const stuck = make({}, { url: proxy.url, share: false });
      const other = make({}, { share: false });
      for (const cache of [stuck, other]) await cache.getOrSet("warm", () => 1);
      proxy.strike({ toServer: { after, do: "stall" } });
      const { outcome } = await stuck.set("k", "old");
      assert.deepEqual(await other.delete("k"), { outcome: "applied" });
      await proxy.heal();
      await sleep(100);
      assert.equal(await other.get("k"), undefined, `stopped after ${after} bytes: ${outcome}`);
      assert.equal(await other.getOrSet("k", () => "new"), "new");
      return outcome;
    }),
  );
  assert.ok(outcomes.includes("unknown") && outcomes.includes("journaled"), `${outcomes}`);
});

test("what was read beside a set is not served from memory after it", async (t) => {
  const { cache: make } = await cacheScene(t);
  for (const protocol of protocols) {
    const cache = make({ l1: true, namespace: `resp${protocol}` }, { protocol, share: false });
    for (let round = 0; round < 20; round += 1) {
      await cache.set("k", round);
      const set = cache.set("k", `new ${round}`);
      await Promise.all([cache.get("k"), set.then(() => sleep(0))]);
      assert.equal(await cache.get("k"), `new ${round}`);
    }
  }
});
