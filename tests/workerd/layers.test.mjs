// What edgis knows of a runtime, held against the runtime: each layer must tell two overlapping requests apart, by itself.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { generations, startWorker } from "./worker.mjs";

const none = { newest: [], pinned: ["token", "span"], oldest: ["token", "span", "snapshot"] };

for (const generation of generations) {
  test(`${generation}: each layer knows its own request, and tells it from another`, async (t) => {
    const flags = generation === "pinned" ? { compatibilityFlags: ["nodejs_compat"] } : {};
    const { get } = await startWorker(t, {
      url: "",
      source: "tests/workerd/layers.mjs",
      generation,
      durableObjects: {},
      ...flags,
    });
    const all = (said) =>
      Object.fromEntries(
        ["token", "pair", "span", "snapshot"].map((name) => [name, none[generation].includes(name) ? "none" : said]),
      );
    const staying = get("/stay");
    await sleep(250);
    const during = await get("/look");
    for (const told of await staying) assert.deepEqual(told, all("own"));
    assert.deepEqual(during, all("another's"));
    assert.deepEqual(await get("/look"), all("another's"), "it has ended");
  });
}
