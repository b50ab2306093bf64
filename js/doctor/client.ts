/** Layer 9: whether a client with exactly this configuration becomes ready. */
import type { Case } from "./case.js";
import { seconds } from "./examination.js";

/** Beyond the budget of a dial, for what comes before and after it. */
const MARGIN = 1_500;

export async function examineClient(c: Case): Promise<void> {
  const { examination, client } = c;
  const { redaction } = examination;
  if (client === undefined) return examination.skip("client", "client.ready", "the client could not be made");
  const limit = (c.target?.connect ?? 2_000) + MARGIN;
  await examination.check("client", "client.ready", limit, async (step) => {
    const begun = performance.now();
    const status = await client.init();
    const took = performance.now() - begun;
    c.ready = status.state === "ready";
    if (status.state === "ready") {
      const address = redaction.clean(redaction.said(status.address ?? ""));
      return step.ok(`ready in ${seconds(took)}, at ${address}`);
    }
    if (status.state !== "disabled") return step.unknown(`it is ${status.state} after ${seconds(took)}`);
    const { reason, message, hint } = status;
    step.failed(`${reason}: ${redaction.said(message)}`);
    if (reason === "permission" && !examination.has("deno.permission"))
      examination.find("runtime.permission", "error", [redaction.said(message)]);
    return examination.find("client.not-ready", "error", [`${reason}: ${redaction.said(message)}`], [hint]);
  });
  await client.close();
  return undefined;
}
