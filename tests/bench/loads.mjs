// What is measured: the loads, and how long each is held. Shared by the orchestrator and by the measured process.

export const SIZES = { "32 B": 32, "1 KB": 1024, "100 KB": 102_400 };

/** Distinct keys per value size: enough that one batch never asks twice for the same one. */
export const KEYS = { 32: 1000, 1024: 1000, 102400: 10 };

const batch = (op, flight, size) => ({ id: `${op}-${flight}${label(size)}`, kind: "batch", op, flight, size });
const closed = (op) => ({ id: `closed-${op}-1000`, kind: "closed", op, flight: 1000, size: 32 });
const label = (size) => (size === 32 ? "" : `-${size === 1024 ? "1KB" : "100KB"}`);

/** Each group runs in a fresh process per client, so that one kind of load does not shape the compiled code of another. */
export const groups = [
  { name: "32 B, batches", loads: [1, 10, 100, 1000].flatMap((n) => [batch("get", n, 32), batch("set", n, 32)]) },
  { name: "32 B, closed loops", loads: [closed("get"), closed("set")] },
  { name: "1 KB, batches", loads: [batch("get", 100, 1024), batch("set", 100, 1024)] },
  { name: "100 KB, batches", loads: [batch("get", 10, 102_400), batch("set", 10, 102_400)] },
];

export const loads = groups.flatMap((group) => group.loads);

/**
 * Many short rounds rather than few long ones: where the system puts client and server changes by the second.
 * `heat` ms before the first load of a process, `warm` ms before each other one, then `rounds` of `round` ms; `cold` starts;
 * `kept` values of a thousand times as many; `flight` commands for the heap.
 */
export const FULL = { heat: 600, warm: 150, rounds: 11, round: 140, cold: 15, kept: 1000, flight: 100_000 };
export const QUICK = { heat: 150, warm: 25, rounds: 3, round: 45, cold: 3, kept: 100, flight: 30_000 };

export function describe(load) {
  const size = Object.keys(SIZES).find((name) => SIZES[name] === load.size);
  const how = load.kind === "closed" ? " (closed loops)" : "";
  return `${load.op.toUpperCase()} ${size}, ${load.flight.toLocaleString("en")} in flight${how}`;
}

export const keys = (size) => Array.from({ length: KEYS[size] }, (_, i) => `k${size}:${String(i).padStart(5, "0")}`);

/** Text of exactly `size` bytes that tells its index; from bytes, so that it is flat and no client flattens it for us. */
export const values = (size) =>
  Array.from({ length: KEYS[size] }, (_, i) =>
    Buffer.from(
      `${String(i).padStart(6, "0")}:abcdefghijklmnopqrstuvwxy`.repeat(Math.ceil(size / 32)).slice(0, size),
    ).latin1Slice(),
  );
