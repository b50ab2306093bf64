#!/usr/bin/env node
// Writes the results section of README.md and the plot from results.json, so that no figure is copied by hand.
//   node tests/bench/run.mjs --json tests/bench/results.json && node tests/bench/report.mjs

import { readFileSync, writeFileSync } from "node:fs";
import { plot } from "./plot.mjs";
import { barRows, machine, noise, tables } from "./table.mjs";

const file = (name) => new URL(name, import.meta.url);
const BEGIN = "<!-- results: written by report.mjs -->";
const END = "<!-- end of results -->";

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

const results = JSON.parse(readFileSync(file("results.json"), "utf8"));
const readme = readFileSync(file("README.md"), "utf8");
const before = readme.slice(0, readme.indexOf(BEGIN));
const after = readme.slice(readme.indexOf(END));
writeFileSync(file("README.md"), `${before}${BEGIN}\n\n${section(results)}\n\n${after}`);
writeFileSync(file("results.svg"), plot(results));
console.log("written: tests/bench/README.md, tests/bench/results.svg");
