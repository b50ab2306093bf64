// Each runtime, and each way in which it takes the package.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { commandLine, executable } from "../../js/runtimes.mjs";
import { newFolder, npmApp, runProgram, tarball } from "../app.mjs";
import { behaves } from "../watch.mjs";

const version = (name) => () =>
  /\d+\.\d+\.\d+/.exec(execFileSync(executable(name), ["--version"], { encoding: "utf8" }))[0];

const onNode = (major) =>
  ["import", "require"].map((how) => ({
    name: `Node ${major}, ${how}`,
    version: version(`node-${major}`),
    run: async () => {
      const file = how === "import" ? "main.mjs" : "main.cjs";
      await behaves([...commandLine(`node-${major}`), file], { cwd: await npmApp("node") });
    },
  }));

/** Bun with its own installer. */
async function bunApp() {
  const folder = newFolder("app");
  await runProgram([executable("bun"), "add", tarball], {
    cwd: folder,
    env: { BUN_INSTALL_CACHE_DIR: `${folder}/.cache` },
  });
  return folder;
}

/** The address that the name stands for is not allowed, so Deno has to look it up. */
async function onlyName() {
  const deno = (url) => [executable("deno"), "run", "--no-prompt", "--allow-env", `--allow-net=${new URL(url).host}`];
  await behaves((url) => [...deno(url), "main.mjs"], { cwd: await npmApp("node"), host: "localhost" });
}

async function nothingAllowed() {
  for (const host of ["127.0.0.1", "localhost"]) {
    const source = `
      import { createClient } from "edgis";
      const { state, reason, message } = await createClient({ url: "redis://${host}:6379", logger: false }).init();
      console.log(JSON.stringify({ state, reason, message }));`;
    const cwd = await npmApp("node");
    writeFileSync(join(cwd, "forbidden.mjs"), source);
    const { stdout } = await runProgram([executable("deno"), "run", "--no-prompt", "forbidden.mjs"], { cwd });
    const { state, reason, message } = JSON.parse(stdout);
    assert.deepEqual([state, reason], ["disabled", "permission"], message);
  }
}

export const cells = [
  ...[20, 22, 24, "newest"].flatMap(onNode),
  {
    name: "Bun, bun add",
    version: version("bun"),
    run: async () => behaves([...commandLine("bun"), "main.mjs"], { cwd: await bunApp() }),
  },
  {
    name: "Bun, require",
    version: version("bun"),
    run: async () => behaves([...commandLine("bun"), "main.cjs"], { cwd: await npmApp("node") }),
  },
  // Deno's own installer takes no tarball.
  {
    name: "Deno",
    version: version("deno"),
    run: async () => behaves([...commandLine("deno"), "main.mjs"], { cwd: await npmApp("node") }),
  },
  {
    name: "Deno, require",
    version: version("deno"),
    run: async () => behaves([...commandLine("deno"), "main.cjs"], { cwd: await npmApp("node") }),
  },
  { name: "Deno, a name allowed alone", version: version("deno"), run: onlyName },
  { name: "Deno, nothing allowed", version: version("deno"), run: nothingAllowed },
];
