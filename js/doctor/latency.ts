/** Layer 7: how long an answer takes, by PINGs that carry a kilobyte and write nothing, and what that leaves of the budgets. */
import type { Case } from "./case.js";
import { seconds } from "./examination.js";
import { isNotResp, type Wire } from "./wire.js";

const DURATION = 500;
const PAYLOAD = "x".repeat(1_024);
/** A single answer that takes longer is waited for no longer than a dial would. */
const LIMIT = 3_000;

export async function examineLatency(c: Case): Promise<void> {
  const { examination, wire, target } = c;
  if (wire === undefined || target === undefined)
    return examination.skip("latency", "latency.ping", "there is no connection to measure on");
  const times = await examination.check("latency", "latency.ping", DURATION + LIMIT + 500, async (step) => {
    const measured = await measure(wire);
    step.ok(
      `p50 ${seconds(quantile(measured, 0.5))}, p99 ${seconds(quantile(measured, 0.99))} of ${measured.length} PINGs with 1 KB`,
    );
    return measured;
  });
  if (times !== undefined && times.length > 0) {
    const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
    const evidence = [`p50 ${seconds(p50)}, p99 ${seconds(p99)}, timeouts.command ${seconds(target.command)}`];
    // One answer of few that is late says little of the next ones.
    if (p50 > target.command) examination.find("latency.over-budget", "error", evidence);
    else if (p99 > target.command / 2) examination.find("latency.near-budget", "warning", evidence);
  }
  const { handshake } = c;
  if (handshake === undefined) return undefined;
  await examination.check("latency", "latency.connect", LIMIT, (step) =>
    step.ok(`connected and greeted in ${seconds(handshake)}, of ${seconds(target.connect)} at the most`),
  );
  if (handshake > target.connect / 2)
    examination.find("latency.connect", "warning", [`${seconds(handshake)} of ${seconds(target.connect)}`]);
  return undefined;
}

async function measure(wire: Wire): Promise<number[]> {
  const times: number[] = [];
  const begun = performance.now();
  do {
    const asked = performance.now();
    try {
      await wire.ask(LIMIT, "PING", PAYLOAD);
    } catch (error) {
      if (isNotResp(error) || times.length === 0) throw error;
      break;
    }
    times.push(performance.now() - asked);
  } while (performance.now() - begun < DURATION);
  return times.sort((a, b) => a - b);
}

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number;
