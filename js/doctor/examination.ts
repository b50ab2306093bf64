/** One run of the doctor: steps with their time, findings, and the clock that bounds all of it. */
import { messageOf } from "../core/errors.js";
import { catalog, type FindingId } from "./catalog.js";
import type { Redaction } from "./redaction.js";
import {
  type Check,
  type CheckStatus,
  type Finding,
  type Layer,
  type Progress,
  SEVERITIES,
  type Severity,
} from "./types.js";

const now = performance.now.bind(performance);

/** The means of a step to say how it went. */
export interface Step {
  readonly signal: AbortSignal;
  ok(detail: string): void;
  failed(detail: string): void;
  skipped(why: string): void;
  unknown(why: string): void;
}

export class Examination {
  readonly findings: Finding[] = [];
  readonly checks: Check[] = [];
  readonly redaction: Redaction;
  readonly #start = now();
  readonly #budget: number;
  readonly #onProgress: ((progress: Progress) => void) | undefined;
  /** The clock has cut a step off. */
  cutOff = false;

  constructor(redaction: Redaction, budget: number, onProgress: ((progress: Progress) => void) | undefined) {
    this.redaction = redaction;
    this.#budget = budget;
    this.#onProgress = onProgress;
  }

  get elapsed(): number {
    return now() - this.#start;
  }

  get left(): number {
    return Math.max(0, this.#budget - this.elapsed);
  }

  /**
   * Runs a step, which is `ok` unless it says otherwise. Gives what it gives, and undefined when it threw or took longer than
   * `limit` milliseconds: then it is `unknown`.
   */
  async check<T>(
    layer: Layer,
    id: string,
    limit: number,
    act: (step: Step) => Promise<T> | T,
    subject?: string,
  ): Promise<T | undefined> {
    const named = subject === undefined ? { id, layer } : { id, layer, subject };
    const check: Check = { ...named, status: "ok", ms: 0 };
    this.checks.push(check);
    const time = Math.min(limit, this.left);
    if (time === 0) {
      this.cutOff = true;
      this.#end(check, "unknown", { why: "the time for the examination was over" }, 0);
      return undefined;
    }
    this.#tell(named);
    const begun = now();
    const abort = new AbortController();
    let told: [CheckStatus, Partial<Check>] = ["ok", {}];
    const tell = (status: CheckStatus, rest: Partial<Check>): void => {
      told = [status, rest];
    };
    const step: Step = {
      signal: abort.signal,
      ok: (detail) => tell("ok", { detail }),
      failed: (detail) => tell("failed", { detail }),
      skipped: (why) => tell("skipped", { why }),
      unknown: (why) => tell("unknown", { why }),
    };
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => {
        const isOver = time < limit;
        this.cutOff ||= isOver;
        step.unknown(isOver ? "the time for the examination was over" : `not done after ${seconds(time)}`);
        resolve(undefined);
      }, time);
    });
    try {
      return await Promise.race([Promise.resolve(act(step)), late]);
    } catch (error) {
      step.unknown(this.redaction.said(messageOf(error)));
      return undefined;
    } finally {
      clearTimeout(timer);
      abort.abort();
      this.#end(check, ...told, now() - begun);
    }
  }

  /** A step that is not done, and why. */
  skip(layer: Layer, id: string, why: string): void {
    const check: Check = { id, layer, status: "skipped", ms: 0 };
    this.checks.push(check);
    this.#end(check, "skipped", { why }, 0);
  }

  #end(check: Check, status: CheckStatus, rest: Partial<Check>, ms: number): void {
    const { redaction } = this;
    Object.assign(check, { status, ms: Math.round(ms * 10) / 10 });
    if (rest.why !== undefined) check.why = redaction.clean(rest.why);
    if (rest.detail !== undefined) check.detail = redaction.clean(rest.detail);
    const { id, layer, subject } = check;
    this.#tell(subject === undefined ? { id, layer, check } : { id, layer, subject, check });
  }

  #tell(progress: Progress): void {
    try {
      this.#onProgress?.(progress);
    } catch {
      // A listener's fault is none of the examination's.
    }
  }

  /** Adds a finding, once: what a second one of its kind has seen is more evidence, and the worse severity counts. */
  find(id: FindingId, severity: Severity, evidence: readonly string[], fixes?: readonly string[]): void {
    const { redaction, findings } = this;
    const clean = (texts: readonly string[]) => texts.map((text) => redaction.clean(text));
    const at = findings.findIndex((finding) => finding.id === id);
    const known = findings[at];
    if (known !== undefined) {
      const lines = [...new Set([...known.evidence, ...clean(evidence)])];
      const worse = SEVERITIES.indexOf(severity) < SEVERITIES.indexOf(known.severity) ? severity : known.severity;
      findings[at] = { ...known, severity: worse, evidence: lines };
      return;
    }
    const { layer, meaning, cause, fix } = catalog[id];
    const all = clean(fixes ?? fix);
    const [first = ""] = all;
    const told = { meaning, cause, evidence: clean(evidence), fix: first, fixes: all };
    findings.push({ id, severity, layer, role: "beside", ...told });
  }

  has(id: FindingId): boolean {
    return this.findings.some((finding) => finding.id === id);
  }
}

/** A time for people. */
export function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms * 10) / 10} ms` : `${Math.round(ms / 100) / 10} s`;
}
