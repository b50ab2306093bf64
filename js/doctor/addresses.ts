/**
 * Layer 3: each address on its own, the connection and the first moments after it. A client that dials a name sees only that
 * one of them served or that none did.
 */
import type { Address, Case } from "./case.js";
import { seconds } from "./examination.js";
import { firstLine, kindOf } from "./peer.js";
import { frame, ServerError } from "./resp.js";
import { limitOf, placeOf, type Target } from "./target.js";
import { CLOSED, codeOf, dial, type Ended, isNotResp, SILENT, type Wire } from "./wire.js";

/** A peer that is to speak first has done so by then, and one that closes at once has closed. */
const FIRST_MOMENTS = 80;
/** A connection that came about, and was ended by the other side. */
const CUT = ["ECONNRESET", "EPIPE", CLOSED];

export async function examineAddresses(c: Case): Promise<void> {
  const { examination, target } = c;
  if (target === undefined) return examination.skip("tcp", "tcp.connect", "the configuration names no host");
  if (c.addresses.length === 0) return examination.skip("tcp", "tcp.connect", "the host has no address");
  await Promise.all(c.addresses.map((address) => examineAddress(c, target, address)));
}

async function examineAddress(c: Case, target: Target, address: Address): Promise<void> {
  const { examination } = c;
  const limit = limitOf(target);
  let wire: Wire | undefined;
  await examination.check(
    "tcp",
    "tcp.connect",
    limit + 500,
    async (step) => {
      const begun = performance.now();
      try {
        wire = await dial(placeOf(target, address.address), limit);
        address.connected = performance.now() - begun;
        step.ok(`connected in ${seconds(address.connected)}`);
      } catch (error) {
        const { code } = error as Ended;
        // A peer that cuts at once may be quicker than the news that there is a connection.
        if (CUT.includes(code)) address.ended = { code };
        else address.failure = { code };
        step.failed(code === "ETIMEDOUT" ? `no answer in ${seconds(limit)}` : code);
      }
    },
    address.label,
  );
  const connected = wire;
  if (connected === undefined) return;
  await examination.check(
    "tcp",
    "tcp.first-moments",
    limit + 500,
    async (step) => {
      await listen(connected, address, target, limit, step.signal);
      const said = describe(address, target);
      if (address.reply !== undefined || (target.tls !== undefined && address.ended === undefined && !address.kind))
        step.ok(said);
      else step.failed(said);
    },
    address.label,
  );
  connected.close();
}

/** Lets the peer speak first, and then, where no TLS is meant, asks for a PONG. */
async function listen(wire: Wire, address: Address, target: Target, limit: number, signal: AbortSignal): Promise<void> {
  signal.addEventListener("abort", () => wire.close());
  await wire.until(() => wire.received.length > 0, FIRST_MOMENTS);
  if (wire.received.length === 0 && wire.end === undefined) {
    if (target.tls !== undefined) return;
    wire.write(frame(["PING"]));
  }
  try {
    address.reply = await wire.reply(limit);
  } catch (error) {
    if (!isNotResp(error)) address.ended = { code: codeOf(error) ?? "EPROTO" };
  }
  if (wire.received.length === 0 && address.reply === undefined) return;
  if (address.reply !== undefined) {
    address.kind = "redis";
    if (address.reply instanceof ServerError) address.line = `-${address.reply.text}`;
    return;
  }
  address.kind = kindOf(wire.received);
  address.line = firstLine(wire.received);
}

/** Words what a peer did, for people. */
function describe(address: Address, target: Target): string {
  const { ended, kind, line, reply } = address;
  if (reply !== undefined) return line === undefined ? "answers PING" : `answers ${line}`;
  if (kind !== undefined) return `speaks ${kind === "alert" ? "TLS" : line}`;
  if (ended === undefined) return target.tls === undefined ? "silent" : "waits for the client, as TLS does";
  if (ended.code === SILENT) return "accepts the connection and never answers";
  if (ended.code === CLOSED) return "accepts the connection and closes it";
  return `accepts the connection and cuts it (${ended.code})`;
}
