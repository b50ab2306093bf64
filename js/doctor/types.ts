/** The options of `diagnose`, and its report, which `edgis doctor --json` prints. */
import type { Duration } from "../client/duration.js";
import type { ClientOptions } from "../client/types.js";
import type { FindingId } from "./catalog.js";

/** The layers in the order in which they are examined: an earlier one explains what fails in a later one. */
export const LAYERS = [
  "configuration",
  "dns",
  "tcp",
  "tls",
  "protocol",
  "server",
  "latency",
  "machine",
  "client",
] as const;

export type Layer = (typeof LAYERS)[number];

/** The worst first. */
export const SEVERITIES = ["error", "warning", "note"] as const;

/** `error`: something does not work. `warning`: it works and is likely to hurt. `note`: worth knowing. */
export type Severity = (typeof SEVERITIES)[number];

/**
 * How a finding stands to the others: the `cause` explains the verdict, and there is one at the most; what `follows` goes
 * away with it; what is `beside` it has a cause of its own.
 */
export type Role = "cause" | "follows" | "beside";

/** Something that was found, with what shows it and what to do about it. Nothing in it is secret. */
export interface Finding {
  /** Stable between versions; docs/doctor.md lists them all. */
  readonly id: FindingId;
  readonly severity: Severity;
  readonly layer: Layer;
  role: Role;
  /** The meaning in one sentence. */
  readonly meaning: string;
  /** Where it usually comes from. */
  readonly cause: string;
  /** Observations, a line each. */
  readonly evidence: string[];
  /** The remedy in one line. */
  readonly fix: string;
  /** The ways to mend it, where there is more than one; `fix` is the first of them. */
  readonly fixes: string[];
}

/** `ok` and `failed` were decided; `skipped` was not tried; `unknown` was tried and could not be decided. */
export type CheckStatus = "ok" | "failed" | "skipped" | "unknown";

/** A step of the examination. */
export interface Check {
  /** Stable between versions, as in `tcp.connect`. */
  readonly id: string;
  readonly layer: Layer;
  /** Where a step is done for several things, which of them: an address, a variable. */
  readonly subject?: string;
  status: CheckStatus;
  /** Of a step that was skipped or could not be decided. */
  why?: string;
  /** The observation. */
  detail?: string;
  /** How long it took, in milliseconds. */
  ms: number;
}

/** The worst of the findings; `incomplete` where the clock cut the examination off before an error was found. */
export type VerdictStatus = "healthy" | "warning" | "error" | "incomplete";

/** The result of an examination. */
export interface Verdict {
  readonly status: VerdictStatus;
  /** One sentence. */
  readonly text: string;
  /** The finding that explains it. */
  readonly cause?: FindingId;
  /** Whether `createClient` with this configuration became ready; undefined where that was not found out. */
  readonly ready?: boolean;
}

/** The report of an examination. */
export interface Diagnosis {
  /** The form of this report. It rises when a field changes its meaning or goes away; fields may be added without. */
  readonly schema: 1;
  readonly verdict: Verdict;
  /** The URL that was examined, without credentials; absent where the configuration names none. */
  readonly target?: string;
  /** The cause first, then by severity and layer. */
  readonly findings: Finding[];
  /** In the order in which they were done. */
  readonly checks: Check[];
  /** Of the doctor and of what it ran on. */
  readonly versions: { readonly edgis: string; readonly runtime: string };
  /** How long all of it took, in milliseconds. */
  readonly ms: number;
}

/** Told when a step begins and when it has ended. */
export interface Progress {
  readonly layer: Layer;
  readonly id: string;
  readonly subject?: string;
  /** Absent while the step is under way. */
  readonly check?: Check;
}

/** Settings of the examination itself. */
export interface ExaminationOptions {
  /** Bounds the whole of it; what is not done by then is `unknown`. Default 15 s. `idle` comes on top. */
  budget?: Duration | undefined;
  /** Replaces host names and addresses that are not loopback by hashes, which differ from run to run. Default `false`. */
  anonymous?: boolean | undefined;
  /** Leaves a connection unused for so long and looks whether it survives. Default: this is not tried. */
  idle?: Duration | undefined;
  /** Where the project is whose dependencies and configuration are looked at. Default: the current folder. */
  cwd?: string | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
}

/** The options of `createClient` that are to be examined, and those of the examination. */
export interface DiagnoseOptions extends Omit<ClientOptions, "via" | "logger" | "share">, ExaminationOptions {}
