// Who is measured. The first is the one that ratios are taken of; `peer` joins the modes of one library.

import { fileURLToPath } from "node:url";

const adapter = (file) => fileURLToPath(new URL(`clients/${file}.mjs`, import.meta.url));
const node = (name, label, color, more) => ({ name, label, color, runtime: "node", adapter: adapter(name), ...more });

export const SUBJECT = "edgis";
export const FLOOR = "raw";

export const roster = [
  node("edgis", "edgis", "#c2185b", { package: "edgis", peer: "edgis", imports: "createClient" }),
  node("node-redis", "node-redis", "#1565c0", { package: "redis", peer: "node-redis", imports: "createClient" }),
  node("ioredis", "ioredis", "#00897b", { package: "ioredis", peer: "ioredis", imports: "Redis" }),
  node("ioredis-auto", "ioredis (auto-pipelining)", "#66a61e", { package: "ioredis", peer: "ioredis" }),
  node("iovalkey", "iovalkey (auto-pipelining)", "#e67e00", {
    package: "iovalkey",
    peer: "iovalkey",
    imports: "Redis",
  }),
  node("glide", "valkey-glide", "#7b5fb5", { package: "@valkey/valkey-glide", peer: "glide", imports: "GlideClient" }),
  { ...node("bun", "Bun built-in", "#8d6e63", { package: "bun", peer: "bun" }), runtime: "bun" },
  node("raw", "raw socket", "#9e9e9e", { peer: "raw" }),
];

/** The roster cut down to `only`, with `extra` adapters ("name=path") added or put in the place of one of that name. */
export function choose(only, extra) {
  const chosen = roster.map((client) => ({ ...client }));
  for (const [name, path] of extra) {
    const known = chosen.find((client) => client.name === name);
    if (known)
      Object.assign(known, { adapter: path, label: `${known.label} (${path.split("/").at(-1)})`, replaced: true });
    else chosen.push({ ...node(name, name, "#212121", { peer: name }), adapter: path, replaced: true });
  }
  const unknown = only.filter((name) => !chosen.some((client) => client.name === name));
  if (unknown.length) {
    throw new Error(`no client ${unknown.join(", ")}; there are: ${chosen.map((client) => client.name).join(", ")}`);
  }
  return only.length ? chosen.filter((client) => only.includes(client.name)) : chosen;
}
