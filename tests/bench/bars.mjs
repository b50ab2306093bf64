// The bars: what edgis must reach against its peers, in one run on one machine.

import { ratio } from "./statistics.mjs";

const PEERS = {
  "node-redis": ["node-redis"],
  ioredis: ["ioredis", "ioredis-auto"],
  iovalkey: ["iovalkey"],
  Bun: ["bun"],
  "raw socket": ["raw"],
};
const OPS = ["get", "set"];

export const atLeast = (name, value, bar, unit = "×") => ({
  name,
  value,
  bar,
  unit,
  sense: "≥",
  pass: verdict(value, value >= bar),
});
export const atMost = (name, value, bar, unit = "×") => ({
  name,
  value,
  bar,
  unit,
  sense: "≤",
  pass: verdict(value, value <= bar),
});
const verdict = (value, holds) => (value === undefined || Number.isNaN(value) ? null : holds);

/** edgis ÷ the better mode of `peer`: the lower ratio of rates, the higher ratio of costs. */
function against(load, peer, figure, subject) {
  const ratios = PEERS[peer]
    .map((name) => ratio(load?.[subject]?.[figure], load?.[name]?.[figure]))
    .filter((value) => value !== undefined);
  if (!ratios.length) return undefined;
  return figure === "rates" ? Math.min(...ratios) : Math.max(...ratios);
}

function throughput({ loads }, subject, flight, bars) {
  return OPS.flatMap((op) =>
    Object.entries(bars).map(([peer, bar]) => {
      const value = against(loads[`${op}-${flight}`], peer, "rates", subject);
      return atLeast(`${op.toUpperCase()}, ${flight.toLocaleString("en")} in flight, to ${peer}`, value, bar);
    }),
  );
}

function closedLoops({ loads }, subject) {
  return OPS.flatMap((op) => {
    const closed = loads[`closed-${op}-1000`]?.[subject];
    const value = ratio(closed?.rates, loads[`${op}-1000`]?.[subject]?.rates);
    const name = `${op.toUpperCase()} from closed loops`;
    return [
      atLeast(`${name}, to its own batches`, value, 0.7),
      atMost(`${name}, writes a round of 1,000`, closed?.writesPer1000, 2, ""),
    ];
  });
}

function single({ loads }, subject) {
  return OPS.flatMap((op) => {
    const load = loads[`${op}-1`];
    const name = `${op.toUpperCase()}, 1 in flight`;
    return [
      atLeast(`${name}, rate to raw socket`, against(load, "raw socket", "rates", subject), 0.9),
      atMost(`${name}, client CPU to raw socket`, against(load, "raw socket", "cpus", subject), 1.15),
    ];
  });
}

function large({ loads }, subject) {
  return OPS.flatMap((op) => {
    const load = loads[`${op}-10-100KB`];
    const name = `${op.toUpperCase()} 100 KB, 10 in flight`;
    return [
      atLeast(`${name}, to ioredis`, against(load, "ioredis", "rates", subject), 1.05),
      atLeast(`${name}, to Bun`, against(load, "Bun", "rates", subject), 0.8),
      atMost(`${name}, client CPU to ioredis`, against(load, "ioredis", "cpus", subject), 0.8),
    ];
  });
}

function cold({ cold: starts }, subject) {
  const totals = (name) => starts?.[name]?.totals;
  const to = (names) => Math.max(...names.map((name) => ratio(totals(subject), totals(name)) ?? Number.NaN));
  return [
    atMost("cold: import + connect + PING, to ioredis", to(["ioredis"]), 0.25),
    atMost("cold: import + connect + PING, to node-redis", to(["node-redis"]), 0.12),
  ];
}

function size({ size: sizes }, subject) {
  const gzip = sizes?.[subject]?.gzip;
  return [atMost("wasm + JS, bundled by a user, minified, gzip", gzip === undefined ? gzip : gzip / 1000, 54, " KB")];
}

function retention({ retained }, subject) {
  const kept = retained?.[subject];
  const allowed = kept && 2 * kept.bytes + 512 * kept.kept;
  return [atMost("keeping 1 reply of 1,000: heap to what is allowed", kept && kept.heap / allowed, 1)];
}

/** Every bar with its value; `pass` is null where it could not be measured. */
export function judge(results, subject) {
  return [
    ...throughput(results, subject, 1000, { "node-redis": 12, ioredis: 8, iovalkey: 4, Bun: 1.3 }),
    ...closedLoops(results, subject),
    ...throughput(results, subject, 100, { "node-redis": 6, ioredis: 4, iovalkey: 2.2, Bun: 1 }),
    ...single(results, subject),
    ...large(results, subject),
    ...cold(results, subject),
    ...size(results, subject),
    ...retention(results, subject),
  ];
}
