// The results as text, for the terminal.

import { loads as allLoads, describe } from "./loads.mjs";
import { median, ratio } from "./statistics.mjs";

export const thousands = (value) => (value === undefined ? "–" : number(value / 1000));
export const number = (value) => {
  if (value === undefined || Number.isNaN(value)) return "–";
  if (value >= 100) return Math.round(value).toLocaleString("en");
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
};
export const times = (value) => (value === undefined ? "–" : `${number(value)}×`);
const megabytes = (value) => number(value / 1e6);

/** Rows of cells under a head; the first column to the left, the others to the right. */
export function grid(title, head, rows) {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => String(row[column]).length)));
  const align = (cell, column) =>
    column ? String(cell).padStart(widths[column]) : String(cell).padEnd(widths[column]);
  const lines = [head, ...rows].map((row) => row.map(align).join("  ").trimEnd());
  return [title, lines[0], "-".repeat(Math.max(...lines.map((line) => line.length))), ...lines.slice(1), ""].join("\n");
}

/** The tables of a run: title, head, rows. README and terminal print the same ones. */
export function tables(results) {
  const names = results.clients.map(({ name }) => name);
  const measured = allLoads.filter(({ id }) => results.loads[id]);
  const byLoad = (cell) =>
    measured.map((load) => [describe(load), ...names.map((name) => cell(results.loads[load.id], name))]);
  const out = [];
  if (measured.length) {
    out.push({
      title: "Throughput, thousand commands a second",
      head: ["", ...names],
      rows: byLoad((load, name) => thousands(load[name]?.rate)),
    });
    out.push({
      title: "Client CPU, µs a command",
      head: ["", ...names],
      rows: byLoad((load, name) => number(load[name]?.cpu)),
    });
    if (names.includes("edgis")) {
      out.push({
        title: "edgis ÷ peer, throughput",
        head: ["", ...names.slice(1)],
        rows: byLoad((load, name) => times(ratio(load.edgis?.rates, load[name]?.rates))).map((row) =>
          row.toSpliced(1, 1),
        ),
      });
    }
    const closed = measured.filter(({ kind }) => kind === "closed");
    if (closed.length) {
      out.push({
        title: "Socket writes a round of 1,000 commands (native clients are not seen)",
        head: ["", ...names],
        rows: closed.map((load) => [
          describe(load),
          ...names.map((name) => number(results.loads[load.id][name]?.writesPer1000 || undefined)),
        ]),
      });
    }
  }
  const others = singles(results, names);
  if (others.rows.length) out.push(others);
  return out;
}

function singles({ cold, heap, retained, size }, names) {
  const row = (title, source, cell) => [title, ...names.map((name) => (source[name] ? cell(source[name]) : "–"))];
  const rows = [];
  if (cold) {
    rows.push(row("cold: import, ms", cold, (start) => number(start.import)));
    rows.push(row("cold: connect + PING, ms", cold, (start) => number(start.connect)));
    rows.push(row("cold: together, ms", cold, (start) => number(start.total)));
  }
  if (heap)
    rows.push(row("heap of 100,000 in flight, MB", heap, (used) => megabytes((used.heap / used.count) * 100_000)));
  if (heap) rows.push(row("the same, resident set, MB", heap, (used) => megabytes((used.rss / used.count) * 100_000)));
  if (retained) rows.push(row("heap behind a kept 32 B value, B", retained, (held) => number(held.heap / held.kept)));
  if (size) {
    rows.push(row("tarball, KB", size, (weight) => thousands(weight.tarball)));
    rows.push(row("tarballs with dependencies, KB", size, (weight) => thousands(weight.withDependencies)));
    rows.push(row("bundled by a user, minified, gzip, KB", size, (weight) => thousands(weight.gzip)));
  }
  return { title: "One of each", head: ["", ...names], rows };
}

export const mark = (pass) => (pass === null ? "n/a " : pass ? "pass" : "FAIL");

export function barRows(bars) {
  return bars.map((bar) => [
    mark(bar.pass),
    bar.name,
    `${bar.sense} ${bar.bar}${bar.unit}`,
    bar.pass === null ? "–" : `${number(bar.value)}${bar.unit}`,
  ]);
}

export function machine({ machine: it }) {
  const versions = Object.entries(it.versions).map(([name, version]) => `${name} ${version}`);
  return `${it.cpu}, ${it.cores} cores · Node ${it.node}, Redis ${it.redis} · ${versions.join(", ")} · ${it.date}, ${it.seconds} s`;
}

/** How far to trust a run. */
export function noise({ loads }) {
  const spreads = Object.values(loads).flatMap((load) => Object.values(load).map(({ spread }) => spread));
  if (!spreads.length) return "";
  const percent = (share) => `${Math.round(share * 100)}%`;
  const worst = percent(Math.max(...spreads));
  return `Noise: the middle half of the rounds lies within ${percent(median(spreads))} of a figure (median; worst ${worst}).`;
}

export function table(results) {
  const failed = results.failures.map(({ client, what, message }) => `failed: ${client}, ${what}: ${message}`);
  return [
    "",
    machine(results),
    noise(results),
    "",
    ...tables(results).map(({ title, head, rows }) => grid(title, head, rows)),
    grid("Bars", ["", "measure", "must reach", "is"], barRows(results.bars)),
    ...failed,
  ].join("\n");
}
