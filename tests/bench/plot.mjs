// The plot of a run, as SVG written by hand: throughput by commands in flight, CPU and cold starts.

import { roster } from "./roster.mjs";
import { number, thousands } from "./table.mjs";

const WIDTH = 1080;
const HEIGHT = 850;
const FONT = "font-family='system-ui, sans-serif'";
const FLIGHTS = [1, 10, 100, 1000];
const INK = "#222";
const FAINT = "#e3e3e3";
const MUTED = "#666";

const style = (name) => roster.find((client) => client.name === name) ?? { color: "#212121", label: name };
const escaped = (text) => text.replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);

function text(x, y, content, { size = 12, anchor = "start", fill = INK, weight = 400 } = {}) {
  const at = `x="${x.toFixed(1)}" y="${y.toFixed(1)}"`;
  return `<text ${at} font-size="${size}" text-anchor="${anchor}" fill="${fill}" font-weight="${weight}">${escaped(content)}</text>`;
}

const line = (x1, y1, x2, y2, color) =>
  `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="${color}"/>`;

const heading = (x, y, title, note) => [
  text(x, y, title, { size: 15, weight: 600 }),
  text(x, y + 17, note, { size: 11.5, fill: MUTED }),
];

/** Throughput over commands in flight, both logarithmic; every line is named at its end. */
function curves(results, op, left, top) {
  const box = { left: left + 44, right: left + 346, top: top + 34, bottom: top + 374 };
  const names = results.clients.map(({ name }) => name);
  const rate = (name, flight) => results.loads[`${op}-${flight}`]?.[name]?.rate;
  const known = names.filter((name) => FLIGHTS.every((flight) => rate(name, flight)));
  const all = known.flatMap((name) => FLIGHTS.map((flight) => rate(name, flight)));
  const low = Math.log10(Math.min(...all)) - 0.08;
  const high = Math.log10(Math.max(...all)) + 0.08;
  const x = (flight) => box.left + (Math.log10(flight) / 3) * (box.right - box.left);
  const y = (value) => box.bottom - ((Math.log10(value) - low) / (high - low)) * (box.bottom - box.top);
  const out = heading(left, top, `${op.toUpperCase()}, 32-byte values`, "commands a second, by commands in flight");
  for (const power of [3, 4, 5, 6, 7]) {
    for (const step of [1, 2, 5]) {
      const value = step * 10 ** power;
      if (Math.log10(value) < low || Math.log10(value) > high) continue;
      out.push(line(box.left, y(value), box.right, y(value), FAINT));
      const label = value >= 1e6 ? `${value / 1e6} M` : `${value / 1e3} k`;
      out.push(text(box.left - 6, y(value) + 4, label, { size: 11, anchor: "end", fill: MUTED }));
    }
  }
  for (const flight of FLIGHTS) {
    out.push(line(x(flight), box.top, x(flight), box.bottom, FAINT));
    out.push(
      text(x(flight), box.bottom + 17, flight.toLocaleString("en"), { size: 11, anchor: "middle", fill: MUTED }),
    );
  }
  // the subject last, on top of the others
  for (const name of known.toReversed()) {
    const { color } = style(name);
    const points = FLIGHTS.map((flight) => `${x(flight).toFixed(1)},${y(rate(name, flight)).toFixed(1)}`);
    const dashes = name === "raw" ? ' stroke-dasharray="5 4"' : "";
    const width = name === "edgis" ? 3.2 : 1.7;
    out.push(`<polyline points="${points.join(" ")}" fill="none" stroke="${color}" stroke-width="${width}"${dashes}/>`);
    for (const point of points) {
      const [cx, cy] = point.split(",");
      out.push(`<circle cx="${cx}" cy="${cy}" r="${name === "edgis" ? 3.6 : 2.2}" fill="${color}"/>`);
    }
  }
  const ends = known.map((name) => ({ name, y: y(rate(name, 1000)) }));
  for (const end of apart(ends, 15, box)) {
    const { color, label } = style(end.name);
    out.push(line(box.right + 4, end.from, box.right + 16, end.y, color));
    const caption = `${label.replace("(auto-pipelining)", "(auto)")} ${thousands(rate(end.name, 1000))} k`;
    out.push(
      text(box.right + 20, end.y + 4, caption, { size: 12, fill: color, weight: end.name === "edgis" ? 700 : 400 }),
    );
  }
  return out;
}

/** Labels at their height where there is room, else moved so that none covers another. */
function apart(ends, gap, box) {
  const placed = ends.map((end) => ({ ...end, from: end.y })).toSorted((a, b) => a.y - b.y);
  for (let pass = 0; pass < 200; pass++) {
    for (let i = 1; i < placed.length; i++) {
      const overlap = gap - (placed[i].y - placed[i - 1].y);
      if (overlap <= 0) continue;
      placed[i - 1].y -= overlap / 2;
      placed[i].y += overlap / 2;
    }
    for (const end of placed) end.y = Math.min(Math.max(end.y, box.top), box.bottom);
  }
  return placed;
}

/** One horizontal bar a client, of one or two parts, shortest first. */
function bars(title, note, rows, left, top) {
  const width = 215;
  const start = left + 172;
  const longest = Math.max(...rows.map(({ parts }) => sum(parts)));
  const out = heading(left, top, title, note);
  rows
    .toSorted((a, b) => sum(a.parts) - sum(b.parts))
    .forEach(({ name, parts }, i) => {
      const { color, label } = style(name);
      const y = top + 36 + i * 33;
      const weight = name === "edgis" ? 700 : 400;
      out.push(text(start - 8, y + 15, label, { anchor: "end", weight, fill: color }));
      let x = start;
      parts.forEach((part, index) => {
        const length = (part / longest) * width;
        const opacity = index === parts.length - 1 ? 1 : 0.45;
        out.push(
          `<rect x="${x.toFixed(1)}" y="${y}" width="${length.toFixed(1)}" height="21" fill="${color}" opacity="${opacity}"/>`,
        );
        x += length;
      });
      out.push(text(x + 6, y + 15, number(sum(parts)), { weight }));
    });
  return out;
}

const sum = (parts) => parts.reduce((total, part) => total + part, 0);

export function plot(results) {
  const names = results.clients.map(({ name }) => name);
  const cpu = names
    .map((name) => ({ name, parts: [results.loads["get-100"]?.[name]?.cpu] }))
    .filter(({ parts }) => parts[0]);
  const cold = names
    .filter((name) => results.cold?.[name])
    .map((name) => ({ name, parts: [results.cold[name].import, results.cold[name].connect] }));
  const { machine } = results;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" ${FONT}>\n<title>Throughput, client CPU and cold starts of edgis and its peers</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...curves(results, "get", 24, 34),
    ...curves(results, "set", 556, 34),
    ...bars("Client CPU", "µs a command: GET, 32 bytes, 100 in flight", cpu, 24, 474),
    ...bars("Cold start", "ms in a fresh process: import (pale), then connect and PING", cold, 556, 474),
    text(24, HEIGHT - 36, footnote(machine), { size: 11, fill: MUTED }),
    text(
      24,
      HEIGHT - 18,
      "Medians of interleaved rounds. Raw socket: bytes encoded beforehand, replies only counted.",
      {
        size: 11,
        fill: MUTED,
      },
    ),
    "</svg>",
    "",
  ].join("\n");
}

const footnote = (machine) =>
  `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, Redis ${machine.redis} on the same machine, ${machine.date}`;
