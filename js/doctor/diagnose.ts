/** Runs the layers one after the other, and makes the report. */

import type { CreateClient } from "../client/api.js";
import { type Duration, milliseconds } from "../client/duration.js";
import { optionsOf } from "../client/options.js";
import type { ClientOptions } from "../client/types.js";
import { UsageError } from "../core/errors.js";
import { examineAddresses } from "./addresses.js";
import type { Case } from "./case.js";
import { examineClient } from "./client.js";
import { examineConfiguration } from "./configuration.js";
import { Examination } from "./examination.js";
import { judgeAddresses } from "./judgement.js";
import { examineLatency } from "./latency.js";
import { examineMachine, offset } from "./machine.js";
import { examineNames } from "./names.js";
import { examineProject } from "./projects.js";
import { examineProtocol } from "./protocol.js";
import { Redaction } from "./redaction.js";
import { examineRuntime, runtimeName } from "./runtime.js";
import { examineServer } from "./server.js";
import { examineTls } from "./tls.js";
import type { DiagnoseOptions, Diagnosis, ExaminationOptions } from "./types.js";
import { conclude } from "./verdict.js";
import { version } from "./version.js";

const BUDGET = 15_000;

/**
 * Examines a configuration layer by layer, from its URL to a client that is ready, and names the cause of what does not
 * work. Writes nothing to the server, and takes 15 s at the most, `idle` apart.
 *
 * Without `url` the environment is read, as `createClient` does. What is wrong with the client's options is a finding; what
 * is wrong with the examination's own is thrown.
 *
 * @throws (as a rejection) `UsageError` when `budget`, `idle`, `anonymous`, `cwd` or `onProgress` make no sense
 */
export async function diagnose(
  given: DiagnoseOptions | string | URL = {},
  more: DiagnoseOptions = {},
): Promise<Diagnosis> {
  const {
    budget,
    idle,
    anonymous = false,
    cwd = process.cwd(),
    onProgress,
    ...options
  } = optionsOf(given as ClientOptions, more as ClientOptions) as DiagnoseOptions;
  check({ budget, idle, anonymous, cwd, onProgress });
  const wait = durationOf("idle", idle) ?? 0;
  const redaction = new Redaction(anonymous);
  const examination = new Examination(redaction, (durationOf("budget", budget) ?? BUDGET) + wait, onProgress);
  const { createClient } = (await import("edgis" as string)) as { createClient: CreateClient };
  const c: Case = {
    examination,
    options,
    cwd,
    idle: wait,
    createClient,
    client: undefined,
    before: undefined,
    target: undefined,
    addresses: [],
    wire: undefined,
    handshake: undefined,
    info: new Map(),
    ready: undefined,
  };
  const offsetBefore = offset();
  await examineConfiguration(c);
  await examineNames(c);
  await examineAddresses(c);
  await examineTls(c);
  judgeAddresses(c);
  await examineProtocol(c);
  await examineServer(c);
  await examineLatency(c);
  await examineMachine(c, offsetBefore);
  await examineRuntime(c);
  await examineProject(c);
  await examineClient(c);
  c.wire?.close();
  return report(c);
}

function report(c: Case): Diagnosis {
  const { examination, target } = c;
  const { redaction, findings, checks } = examination;
  const verdict = conclude(examination, c.ready);
  const scheme = target?.tls === undefined ? "redis" : "rediss";
  const where =
    target === undefined
      ? undefined
      : target.path === undefined
        ? redaction.address(target.host as string, target.port)
        : redaction.path(target.path);
  return {
    schema: 1,
    verdict,
    ...(target === undefined
      ? {}
      : { target: `${target.path === undefined ? scheme : "unix"}://${where}/${target.db}` }),
    findings,
    checks,
    versions: { edgis: version, runtime: runtimeName() },
    ms: Math.round(examination.elapsed),
  };
}

function durationOf(name: string, duration: Duration | undefined): number | undefined {
  if (duration === undefined) return undefined;
  const length = milliseconds(duration);
  if (length === undefined) throw new UsageError(`diagnose(): ${name} must be a duration like "15s", or milliseconds`);
  return length;
}

function check({ anonymous, cwd, onProgress }: ExaminationOptions): void {
  if (typeof anonymous !== "boolean") throw new UsageError("diagnose(): anonymous must be true or false");
  if (typeof cwd !== "string") throw new UsageError("diagnose(): cwd must be the path of a folder");
  if (onProgress !== undefined && typeof onProgress !== "function")
    throw new UsageError("diagnose(): onProgress must be a function");
}
