/** `edgis doctor`: runs the examination, and shows what it found. */
import { readFileSync } from "node:fs";
import { milliseconds } from "../client/duration.js";
import { messageOf } from "../core/errors.js";
import { diagnose } from "../doctor/diagnose.js";
import type { DiagnoseOptions, Diagnosis } from "../doctor/types.js";
import { type Flags, parse } from "./flags.js";
import { complain, type Output } from "./output.js";
import { Waiting } from "./progress.js";
import { tree } from "./tree.js";

const flags: Flags = {
  json: false,
  "fix-hints": false,
  strict: false,
  anonymous: false,
  ascii: false,
  idle: "a duration",
  timeout: "a duration",
  family: "4 or 6",
  protocol: "2 or 3",
  ca: "a file",
  cert: "a file",
  key: "a file",
  servername: "a name",
  help: false,
  h: false,
};

const usage = `usage: edgis doctor [url] [--json] [--fix-hints] [--strict] [--anonymous] [--ascii] [--idle 5m] [--timeout 15s]
                    [--family 4|6] [--protocol 2|3] [--ca file] [--cert file] [--key file] [--servername name]

Examines the way to Redis layer by layer and names the cause of what does not work. Without url it reads REDIS_URI, then
REDIS_URL, as createClient() does. It writes nothing to the server, and no secret to its output.

  --json         the report for programs: docs/doctor.md describes it
  --fix-hints    all ways to mend what was found, and where it usually comes from
  --strict       warnings count as errors for the exit code
  --anonymous    hashes in place of host names and addresses
  --ascii        no marks beyond ASCII
  --idle 5m      leaves a connection unused for so long, and looks whether it survives
  --timeout 15s  bounds the examination, --idle apart
  --ca, --cert, --key, --servername, --family, --protocol
                 the options tls.ca, tls.cert, tls.key, tls.servername, family and protocol of the client

Exit codes: 0 no error was found, 1 an error (or it was cut off before the client was ready), 2 the command line is wrong.
`;

export async function doctor(args: readonly string[], output: Output): Promise<number> {
  const { given, rest, problem } = parse(args, flags);
  if (given.help || given.h) {
    output.out(usage);
    return 0;
  }
  if (problem !== undefined) return complain(output, problem, usage);
  if (rest.length > 1) return complain(output, "there is one url at the most", usage);
  let options: DiagnoseOptions;
  try {
    options = optionsOf(given, rest[0]);
  } catch (error) {
    return complain(output, messageOf(error), usage);
  }
  const waiting = new Waiting(output);
  const report = await diagnose({ ...options, onProgress: (progress) => waiting.told(progress) }).finally(() =>
    waiting.end(),
  );
  if (given.json) output.out(`${JSON.stringify(report, null, 2)}\n`);
  else output.out(tree(report, styleOf(given, output)));
  return exitCode(report, given.strict === true);
}

function optionsOf(given: Readonly<Record<string, string | true>>, url: string | undefined): DiagnoseOptions {
  const text = (name: string) => given[name] as string | undefined;
  const duration = (name: string) => {
    const value = text(name);
    if (value === undefined) return undefined;
    const length = milliseconds(value) ?? milliseconds(Number(value) * 1_000);
    if (length === undefined) throw new Error(`--${name} needs a duration like 15s or 5m`);
    return length;
  };
  const choice = (name: string, choices: readonly number[]) => {
    const value = text(name);
    if (value !== undefined && !choices.includes(Number(value))) throw new Error(`--${name} needs ${flags[name]}`);
    return value === undefined ? undefined : Number(value);
  };
  const [family, protocol] = [choice("family", [4, 6]), choice("protocol", [2, 3])];
  const [ca, cert, key] = ["ca", "cert", "key"].map((name) => contentOf(name, text(name)));
  const servername = text("servername");
  const tls = { ca, cert, key, servername };
  const isTls = Object.values(tls).some((value) => value !== undefined);
  return {
    ...(url === undefined ? {} : { url }),
    ...(family === undefined ? {} : { family: family as 4 | 6 }),
    ...(protocol === undefined ? {} : { protocol: protocol as 2 | 3 }),
    ...(isTls ? { tls } : {}),
    budget: duration("timeout"),
    idle: duration("idle"),
    anonymous: given.anonymous === true,
  };
}

function contentOf(name: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`the file of --${name} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}

function styleOf(given: Readonly<Record<string, string | true>>, { terminal, env }: Output) {
  return {
    // https://no-color.org: whatever its value, unless it is empty.
    colours: terminal.out && !env.NO_COLOR && env.TERM !== "dumb",
    ascii: given.ascii === true,
    hints: given["fix-hints"] === true,
  };
}

function exitCode({ verdict, findings }: Diagnosis, strict: boolean): number {
  const isBad = findings.some(({ severity }) => severity === "error" || (strict && severity === "warning"));
  return isBad || (verdict.status === "incomplete" && verdict.ready !== true) ? 1 : 0;
}
