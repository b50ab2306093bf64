/** Chooses the cause among what was found, and words the verdict. */
import type { Examination } from "./examination.js";
import { type Finding, LAYERS, SEVERITIES, type Verdict } from "./types.js";

/** Layers on the way of a connection: trouble in an earlier one explains trouble in a later one. */
const PATH = ["configuration", "dns", "tcp", "tls", "protocol"];

const layerOf = (finding: Finding): number => LAYERS.indexOf(finding.layer);
const isOnPath = ({ layer }: Finding): boolean => PATH.includes(layer) || layer === "server" || layer === "client";

/** Gives each finding its role, sorts them, the cause first, and says what all of it comes to. */
export function conclude(examination: Examination, ready: boolean | undefined): Verdict {
  const { findings } = examination;
  // A client that is ready has found a way: what was wrong on another address, or in an attempt, does not stand in it.
  if (ready === true)
    for (const [index, finding] of findings.entries())
      if (finding.severity === "error" && PATH.includes(finding.layer))
        findings[index] = { ...finding, severity: "warning" };
  findings.sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || layerOf(a) - layerOf(b));
  const cause = causeOf(findings);
  for (const finding of findings) {
    const follows =
      cause !== undefined &&
      cause !== finding &&
      finding.severity === "error" &&
      isOnPath(finding) &&
      isAfter(finding, cause);
    finding.role = finding === cause ? "cause" : follows ? "follows" : "beside";
  }
  const rest = ready === undefined ? {} : { ready };
  if (cause === undefined) {
    if (examination.cutOff || ready !== true)
      return { status: "incomplete", text: "The examination was cut off before anything was found.", ...rest };
    return { status: "healthy", text: "The client is ready, and nothing is wrong.", ...rest };
  }
  const { severity, meaning, id } = cause;
  const status = severity === "error" ? "error" : examination.cutOff ? "incomplete" : "warning";
  const start = ready === true ? "The client is ready, but: " : ready === false ? "The client is not ready: " : "";
  return { status, text: start + meaning, cause: id, ...rest };
}

/** The earliest error, or where there is none the earliest warning. */
function causeOf(findings: readonly Finding[]): Finding | undefined {
  const worst = findings[0];
  return worst === undefined || worst.severity === "note" ? undefined : worst;
}

const isAfter = (finding: Finding, cause: Finding): boolean =>
  isOnPath(cause) ? layerOf(finding) >= layerOf(cause) : finding.layer === "client" || finding.layer === "tcp";
