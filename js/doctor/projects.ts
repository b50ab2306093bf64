/** Layer 8: the project around: copies of the package, and what the configuration of Workers and of Next.js says. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { Case } from "./case.js";

const LIMIT = 3_000;
/** Folders and files that are looked at; a project is not searched through for as long as it takes. */
const MOST_FOLDERS = 4_000;
const MOST_FILES = 3_000;
const MOST_BYTES = 256 << 10;
/** The compatibility date from which on all that edgis has on Workers is there: RPC of Durable Objects. */
const OLDEST_DATE = "2024-04-03";
const UNSAFE_FLAG = "no_handle_cross_request_promise_resolution";

export async function examineProject(c: Case): Promise<void> {
  const { examination, cwd } = c;
  await examination.check("machine", "project.copies", LIMIT, (step) => {
    const versions = copies(cwd);
    const total = [...versions.values()].flat().length;
    if (total === 0) return step.ok("no edgis in node_modules here");
    const list = [...versions].map(([version, paths]) => `${version} in ${paths.join(", ")}`);
    step.ok(versions.size === 1 ? `one version: ${list[0]}` : list.join("; "));
    return versions.size > 1 ? examination.find("runtime.copies", "warning", list) : undefined;
  });
  await examination.check("machine", "project.workers", LIMIT, (step) => {
    const name = ["wrangler.toml", "wrangler.jsonc", "wrangler.json"].find((file) => existsSync(join(cwd, file)));
    if (name === undefined) return step.skipped("no wrangler configuration here");
    return workers(c, name, withoutComments(readFileSync(join(cwd, name), "utf8")), step.ok);
  });
  await examination.check("machine", "project.next", LIMIT, (step) => {
    if (!dependsOnNext(cwd)) return step.skipped("no Next.js project here");
    const found = edgeRoutes(cwd);
    if (found.length === 0) return step.ok("no route on the edge runtime imports edgis");
    step.failed(found.join(", "));
    return examination.find("next.edge-runtime", "error", found);
  });
}

/** Folders of the package in the trees of dependencies that a program in the folder may load from, by version. */
function copies(cwd: string): Map<string, string[]> {
  const versions = new Map<string, string[]>();
  let left = MOST_FOLDERS;
  const look = (modules: string): void => {
    for (const name of names(modules)) {
      left -= 1;
      if (left < 0) return;
      const path = join(modules, name);
      if (name === "edgis") {
        const version = versionOf(join(path, "package.json"));
        if (version !== undefined) versions.set(version, [...(versions.get(version) ?? []), relative(cwd, path)]);
      } else if (name.startsWith("@") || name === ".pnpm") look(path);
      if (modules.endsWith(".pnpm") || existsSync(join(path, "node_modules"))) look(join(path, "node_modules"));
    }
  };
  look(join(cwd, "node_modules"));
  // A program finds what is installed above it, too, unless its own folder has some.
  for (let folder = cwd; versions.size === 0 && folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(dirname(folder), "node_modules", "edgis");
    const version = versionOf(join(path, "package.json"));
    if (version !== undefined) versions.set(version, [relative(cwd, path)]);
  }
  return versions;
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function versionOf(path: string): string | undefined {
  try {
    const { name, version } = JSON.parse(readFileSync(path, "utf8"));
    return name === "edgis" && typeof version === "string" ? version : undefined;
  } catch {
    return undefined;
  }
}

/** Of TOML and of JSON with comments alike. */
const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*(#|\/\/).*$/gm, "");

function workers(c: Case, name: string, text: string, ok: (detail: string) => void): void {
  const { examination } = c;
  const date = /compatibility_date"?\s*[=:]\s*["'](\d{4}-\d\d-\d\d)["']/.exec(text)?.[1];
  ok(`${name}: compatibility date ${date ?? "missing"}`);
  if (date === undefined || date < OLDEST_DATE) {
    const evidence =
      date === undefined ? `${name} has no compatibility_date` : `${name}: ${date}, before ${OLDEST_DATE}`;
    examination.find("workers.compatibility-date", "warning", [evidence]);
  }
  if (text.includes(UNSAFE_FLAG)) examination.find("workers.flag", "warning", [`${name}: ${UNSAFE_FLAG}`]);
}

function dependsOnNext(cwd: string): boolean {
  if (names(cwd).some((name) => /^next\.config\.\w+$/.test(name))) return true;
  try {
    const { dependencies = {} } = JSON.parse(readFileSync(join(cwd, "package.json"), "utf8"));
    return "next" in dependencies;
  } catch {
    return false;
  }
}

/** Files of routes that import edgis and run on the edge runtime. */
function edgeRoutes(cwd: string): string[] {
  const found: string[] = [];
  let left = MOST_FILES;
  const look = (path: string, isMiddleware: boolean): void => {
    left -= 1;
    if (left < 0 || !existsSync(path)) return;
    const stat = statSync(path);
    if (stat.isDirectory()) {
      for (const name of names(path))
        if (name !== "node_modules" && !name.startsWith(".")) look(join(path, name), false);
    } else if (/\.[cm]?[jt]sx?$/.test(path) && stat.size <= MOST_BYTES) {
      const text = readFileSync(path, "utf8").replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
      if (!/(from|import|require\()\s*["']edgis["'/]/.test(text)) return;
      const runtime = /\bruntime\b\s*[:=]\s*["']([\w-]+)["']/.exec(text)?.[1];
      if (runtime?.includes("edge") || (isMiddleware && runtime !== "nodejs")) found.push(relative(cwd, path));
    }
  };
  for (const base of [cwd, join(cwd, "src")]) {
    for (const folder of ["app", "pages"]) look(join(base, folder), false);
    for (const end of ["js", "ts", "mjs"]) look(join(base, `middleware.${end}`), true);
  }
  return found;
}
