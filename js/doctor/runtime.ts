/** Layer 8: the runtime, what it allows, and the flags that change how it resolves and dials. */
import { isIPv6 } from "node:net";
import { fileURLToPath } from "node:url";
import type { Case } from "./case.js";

const LIMIT = 2_000;
const FLAGS =
  /--(dns-result-order=\S+|no-network-family-autoselection|network-family-autoselection-attempt-timeout=\S+)/g;

interface DenoLike {
  readonly version: { readonly deno: string };
  readonly permissions: { query(permission: object): Promise<{ readonly state: string }> };
}

const { Deno: deno, Bun: bun } = globalThis as unknown as { Deno?: DenoLike; Bun?: { readonly version: string } };

/** Name and version of what this runs on. */
export function runtimeName(): string {
  if (bun !== undefined) return `Bun ${bun.version}`;
  if (deno !== undefined) return `Deno ${deno.version.deno}`;
  return `Node ${process.versions.node}`;
}

export async function examineRuntime(c: Case): Promise<void> {
  const { examination } = c;
  await examination.check("machine", "runtime.entry", LIMIT, (step) => step.ok(`${runtimeName()}, ${entry(c)}`));
  await examination.check("machine", "runtime.wasm", LIMIT, (step) => {
    if (c.before?.state === "disabled" && c.before.reason === "wasm")
      return step.failed("the core could not be loaded");
    return step.ok("the core is embedded, and was loaded");
  });
  await examination.check("machine", "runtime.flags", LIMIT, (step) => {
    const given = [...process.execArgv, variable("NODE_OPTIONS") ?? ""].join(" ");
    const flags = [...new Set(given.match(FLAGS) ?? [])];
    if (flags.length === 0) return step.ok("none changes the order of addresses");
    step.ok(flags.join(" "));
    return examination.find("runtime.dns-order", "note", [flags.join(" ")]);
  });
  if (deno !== undefined) await permissions(c, deno);
}

/** Deno asks for permission to read it, in a terminal; where that is not given there is none. */
function variable(name: string): string | undefined {
  try {
    return process.env[name];
  } catch {
    return undefined;
  }
}

/** The file that the package's exports gave for this runtime. */
function entry(c: Case): string {
  try {
    const path = fileURLToPath(import.meta.resolve("edgis"));
    return `edgis by ${c.examination.redaction.said(path.split(/[\\/]/).slice(-2).join("/"))}`;
  } catch {
    return "edgis from a bundle";
  }
}

async function permissions(c: Case, { permissions: asked }: DenoLike): Promise<void> {
  const { examination, target } = c;
  await examination.check("machine", "runtime.permissions", LIMIT, async (step) => {
    const missing: string[] = [];
    const wants = async (permission: object, flag: string): Promise<void> => {
      if ((await asked.query(permission)).state !== "granted") missing.push(flag);
    };
    if (target?.host !== undefined) {
      const host = isIPv6(target.host) ? `[${target.host}]` : target.host;
      const place = examination.redaction.address(target.host, target.port);
      await wants({ name: "net", host: `${host}:${target.port}` }, `--allow-net=${place}`);
    }
    if (!("url" in c.options)) {
      const states = await Promise.all(
        ["REDIS_URI", "REDIS_URL"].map((name) => asked.query({ name: "env", variable: name })),
      );
      if (states.every(({ state }) => state !== "granted")) missing.push("--allow-env=REDIS_URI,REDIS_URL");
    }
    if (missing.length === 0) return step.ok("all that is needed is allowed");
    step.failed(`not allowed: ${missing.join(" ")}`);
    return examination.find(
      "deno.permission",
      "error",
      [`not allowed: ${missing.join(" ")}`],
      [`deno run ${missing.join(" ")}`],
    );
  });
}
