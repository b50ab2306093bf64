// A network that holds up what was written: it arrives after the caller was told that nobody knows what became of it.
import assert from "node:assert/strict";
import test from "node:test";
import { cacheScene, sleep } from "./scene.mjs";

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
