/** The program `edgis`: one subcommand after the other. */
import { version } from "../doctor/version.js";
import { doctor } from "./doctor.js";
import { complain, type Output, type Subcommand } from "./output.js";

const subcommands: Readonly<Record<string, Subcommand>> = { doctor };

const usage = `usage: edgis <command>

  doctor [url]   examines the way to Redis and names the cause of what does not work

edgis <command> --help tells more; edgis --version.
`;

/** Gives the exit code: 0 well, 1 an error was found, 2 the command line makes no sense. */
export async function main(args: readonly string[], output: Output): Promise<number> {
  const [name, ...rest] = args;
  if (name === "--version" || name === "-v") {
    output.out(`${version}\n`);
    return 0;
  }
  if (name === "--help" || name === "-h" || name === "help") {
    output.out(usage);
    return 0;
  }
  if (name === undefined) return complain(output, "a command is missing", usage);
  const subcommand = Object.hasOwn(subcommands, name) ? subcommands[name] : undefined;
  // Not repeated: it may be a URL with a password.
  if (subcommand === undefined) return complain(output, "there is no such command", usage);
  return subcommand(rest, output);
}
