// The guide lists what the doctor can find, and nothing else.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { findings } from "edgis/doctor";

test("docs/doctor.md lists every finding", () => {
  const guide = readFileSync(new URL("../../docs/doctor.md", import.meta.url), "utf8");
  const listed = [...guide.matchAll(/^\| `([a-z]+\.[a-z0-9-]+)` \|/gm)].map(([, id]) => id);
  assert.deepEqual(listed.sort(), Object.keys(findings).sort());
});
