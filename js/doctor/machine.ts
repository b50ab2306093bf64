/** Layer 8: what the process and the machine have left, and their clocks. */
import { readdirSync, readFileSync } from "node:fs";
import type { Case } from "./case.js";
import { seconds } from "./examination.js";

const LIMIT = 2_000;
const NEAR = 0.9;
/** Between the wall clock and the monotonic one. */
const JUMP = 250;
const SKEW = 2_000;

/** Reads both clocks; the difference between two readings is a jump. */
export const offset = (): number => Date.now() - performance.now();

export async function examineMachine(c: Case, offsetBefore: number): Promise<void> {
  const { examination } = c;
  await examination.check("machine", "machine.fds", LIMIT, (step) => {
    const known = descriptors();
    if (known === undefined) return step.skipped("only Linux tells without a tool");
    const { open, limit } = known;
    const share = `${open} of ${limit} file descriptors`;
    step.ok(share);
    return open >= NEAR * limit ? examination.find("machine.fds", "warning", [share]) : undefined;
  });
  await clocks(c, offsetBefore);
}

function descriptors(): { open: number; limit: number } | undefined {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return limit === undefined ? undefined : { open: readdirSync("/proc/self/fd").length, limit: Number(limit) };
  } catch (error) {
    // No descriptor is left even for reading how many there are.
    const { code } = error as NodeJS.ErrnoException;
    return code === "EMFILE" ? { open: 1, limit: 1 } : undefined;
  }
}

async function clocks(c: Case, offsetBefore: number): Promise<void> {
  const { examination, wire } = c;
  await examination.check("machine", "machine.clock", LIMIT, async (step) => {
    const jump = offset() - offsetBefore;
    if (Math.abs(jump) > JUMP) {
      step.failed(`it jumped by ${seconds(Math.abs(jump))}`);
      return examination.find("machine.clock", "warning", [
        `by ${seconds(Math.abs(jump))} within ${seconds(examination.elapsed)}`,
      ]);
    }
    if (wire === undefined) return step.ok("it did not jump");
    const before = Date.now();
    const reply = await wire.ask(LIMIT, "TIME").catch(() => null);
    const after = Date.now();
    if (!Array.isArray(reply)) return step.ok("it did not jump; the server's is not known");
    const server = Number(reply[0]) * 1_000 + Number(reply[1]) / 1_000;
    const skew = server < before ? before - server : server > after ? server - after : 0;
    const text = `the server's differs by ${seconds(skew)}`;
    step.ok(`it did not jump; ${text}`);
    return skew > SKEW ? examination.find("machine.clock-skew", "warning", [text]) : undefined;
  });
}
