#!/usr/bin/env node
// Writes the results of README.md, the figures of the front page and of docs/cache.md, and the plot, from results.json,
// runtimes.json and caches.json: no figure is copied by hand.
//   node tests/bench/run.mjs --json tests/bench/results.json && node tests/bench/report.mjs

import { readFileSync, writeFileSync } from "node:fs";
import { cacheFront, front } from "./front.mjs";
import { plot } from "./plot.mjs";
import { barRows, machine, noise, tables } from "./table.mjs";

const file = (name) => new URL(name, import.meta.url);
const BEGIN = "<!-- results: written by report.mjs -->";
const END = "<!-- end of results -->";
const RUNTIMES_BEGIN = "<!-- runtimes: written by report.mjs -->";
const RUNTIMES_END = "<!-- end of runtimes -->";
const FRONT_BEGIN = "<!-- figures: written by tests/bench/report.mjs -->";
const FRONT_END = "<!-- end of figures -->";
const CACHES_BEGIN = "<!-- caches: written by report.mjs -->";
const CACHES_END = "<!-- end of caches -->";

const markdown = (head, rows) => {
  const align = head.map((_, i) => (i ? "--:" : "---"));
  return [head, align, ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
};

function section(results) {
  const verdicts = results.bars.map(({ pass }) => pass);
  const count = (pass) => verdicts.filter((verdict) => verdict === pass).length;
  const unknown = count(null) ? `, ${count(null)} not measured` : "";
  return [
    `${machine(results)}. ${noise(results)}`,
    "",
    "![Throughput, CPU and cold starts of each client](results.svg)",
    "",
    ...tables(results).flatMap(({ title, head, rows }) => [`### ${title}`, "", markdown(head, rows), ""]),
    `### The bars: ${count(true)} reached, ${count(false)} missed${unknown}`,
    "",
    markdown(["", "measure", "must reach", "is"], barRows(results.bars)),
    ...results.failures.map(({ client, what, message }) => `\nFailed: ${client}, ${what}: ${message}`),
  ].join("\n");
}

/** What runtimes.mjs measured. */
function runtimesSection({ machine: about, runs }) {
  const only = ["Throughput, thousand commands a second", "edgis ÷ peer, throughput"];
  return [
    `${machine({ machine: about })}.`,
    "",
    ...runs.flatMap((run) => [
      `### ${run.runtime === "bun" ? "Bun" : "Deno"} ${run.version}`,
      "",
      noise(run),
      "",
      ...tables(run)
        .filter(({ title }) => only.includes(title))
        .flatMap(({ title, head, rows }) => [`${title}:`, "", markdown(head, rows), ""]),
      markdown(["", "measure", "must reach", "is"], barRows(run.bars)),
      "",
    ]),
  ].join("\n");
}

function replace(text, begin, end, content) {
  const [before, after] = [text.slice(0, text.indexOf(begin)), text.slice(text.indexOf(end))];
  return `${before}${begin}\n\n${content.trim()}\n\n${after}`;
}

/** What caches.mjs measured. */
function cachesSection({ machine: about, tables: measured, bars, failures }) {
  return [
    `${machine({ machine: about })}.`,
    "",
    ...measured.flatMap(({ title, head, rows }) => [`### ${title}`, "", markdown(head, rows), ""]),
    "### The bars",
    "",
    markdown(["", "measure", "must reach", "is"], barRows(bars)),
    ...failures.map(({ client, what, message }) => `\nFailed: ${client}, ${what}: ${message}`),
  ].join("\n");
}

const read = (name) => readFileSync(file(name), "utf8");
const [results, runtimes, cached] = ["results", "runtimes", "caches"].map((name) => JSON.parse(read(`${name}.json`)));
const sections = [
  [BEGIN, END, section(results)],
  [RUNTIMES_BEGIN, RUNTIMES_END, runtimesSection(runtimes)],
  [CACHES_BEGIN, CACHES_END, cachesSection(cached)],
];
const pages = {
  "README.md": sections,
  "../../README.md": [[FRONT_BEGIN, FRONT_END, front({ results, runtimes }, markdown)]],
  "../../docs/cache.md": [[FRONT_BEGIN, FRONT_END, cacheFront(cached, markdown)]],
};
for (const [page, parts] of Object.entries(pages)) {
  writeFileSync(
    file(page),
    parts.reduce((text, part) => replace(text, ...part), read(page)),
  );
}
writeFileSync(file("results.svg"), plot(results));
console.log("written: the figures of tests/bench/README.md, README.md and docs/cache.md; tests/bench/results.svg");
