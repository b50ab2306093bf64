// Which object of Workers `via` means, as far as that can be told without one.
import assert from "node:assert/strict";
import test from "node:test";
import { source } from "./source.mjs";

test("what was added to all objects is no object of Workers", async () => {
  const { viaOf } = await source("object/via.ts");
  const namespace = { idFromName: (name) => name, get: () => ({}) };
  const polluted = { id: "polluted", namespace: {}, name: "polluted", shards: 9, locationHint: "polluted" };
  Object.assign(Object.prototype, polluted);
  try {
    const { url, key } = viaOf(
      () => 0,
      Object.assign(Object.create(null), { via: namespace }),
      () => 1,
    );
    assert.match(url, /edgis$/);
    assert.equal(key, JSON.stringify([1, "edgis", 1]));
  } finally {
    for (const name of Object.keys(polluted)) delete Object.prototype[name];
  }
});
